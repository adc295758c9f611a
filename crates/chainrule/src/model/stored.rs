//! A trained network as a model file, and back.
//!
//! In: [`Trained`]. Out: [`Stored`] and again [`Trained`]. Invariant: a file whose parts do not
//! belong together (a tensor of another shape, a preparation of other symbols) is refused, naming
//! the part. Deliberately absent: bytes; see [`crate::store`].

use std::path::Path;

use chainrule_graph::shape::Sizes;
use serde::de::DeserializeOwned;

use super::{Model, Options, Trained, trained};
use crate::error::Error;
use crate::store::{self, CHECKPOINT, Stored, Tensor};

/// The version of this chainrule.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn to_file(t: &Trained) -> Stored {
    let target = super::compared(&t.model.module).map(|s| s.key.as_str());
    let classes =
        target.and_then(|key| t.preparation.class_names(key)).unwrap_or_default();
    let json = |v: serde_json::Value| v.to_string();
    let facts = [
        ("baseline", json(serde_json::json!(t.baseline))),
        ("end", json(timeless(t))),
        ("mean_weight", json(serde_json::json!(t.weight))),
        ("notes", json(serde_json::json!(t.notes))),
        ("seed", t.model.settings.seed.to_string()),
        ("sizes", json(serde_json::json!(t.sizes))),
    ];
    Stored {
        equations: t.model.text.clone(),
        settings: t.model.options.set.clone(),
        preparation: json(serde_json::json!(t.preparation)),
        classes: classes.into_iter().map(str::to_owned).collect(),
        fingerprint: t.model.derived.fingerprint.clone(),
        version: VERSION.to_owned(),
        facts: facts.map(|(k, v)| (k.to_owned(), v)).into(),
        tensors: t.tensors.clone(),
    }
}

/// How the training ended, but for how long it took: equal runs give equal files, byte for byte.
fn timeless(t: &Trained) -> serde_json::Value {
    let mut end = serde_json::json!(t.end);
    if let Some(fields) = end.as_object_mut() {
        fields.remove("seconds");
    }
    end
}

pub(super) fn load(path: &Path) -> Result<Trained, Error> {
    from_stored(store::load(path)?, path)
}

/// A network from what a file held; `path` stands in messages.
pub(super) fn from_stored(stored: Stored, path: &Path) -> Result<Trained, Error> {
    if stored.facts.iter().any(|(k, _)| k == CHECKPOINT) {
        return Err(Error::Mismatch {
            field: path.display().to_string(),
            expected: "a model".into(),
            found: "a checkpoint, from which only its run can go on".into(),
        });
    }
    let field =
        |name: &str, text: &str| Field { path, name: name.to_owned(), text: text.into() };
    let fact = |name: &str| {
        let found = stored.facts.iter().find(|(k, _)| k == name);
        field(name, found.map_or("null", |(_, v)| v))
    };
    let preparation = field("preparation", &stored.preparation).read()?;
    let (baseline, end) = (fact("baseline").read()?, fact("end").read()?);
    let (sizes, notes) = (fact("sizes").read::<Sizes>()?, fact("notes").read()?);
    let weight = fact("mean_weight").read()?;
    let options = Options { set: stored.settings, ..Options::default() };
    let model = Model::parse_with(&stored.equations, options)?;
    let tensors = stored.tensors;
    let history = Vec::new();
    let t = Trained {
        model,
        preparation,
        sizes,
        tensors,
        baseline,
        weight,
        history,
        end,
        notes,
    };
    check(&t, path)?;
    Ok(t)
}

/// A part of the file that is JSON.
struct Field<'a> {
    path: &'a Path,
    name: String,
    text: String,
}

impl Field<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.text).map_err(|e| Error::Corrupt {
            path: self.path.to_owned(),
            what: format!("its {} cannot be read ({e})", self.name),
        })
    }
}

/// Each symbol of the data has a size, and the baseline as many entries as the target.
fn check_entries(t: &Trained, path: &Path) -> Result<(), Error> {
    let corrupt = |what: String| Error::Corrupt { path: path.to_owned(), what };
    for s in super::data_symbols(&t.model.module) {
        if t.model.entries(s, &t.sizes).is_none() {
            return Err(corrupt(format!("its sizes leave {} open", s.shown)));
        }
    }
    let target = super::compared(&t.model.module);
    let expected = target.and_then(|s| t.model.entries(s, &t.sizes));
    match (&t.baseline, expected) {
        (Some(b), Some(n)) if b.entries() != n => {
            let found = b.entries();
            Err(corrupt(format!("its baseline has {found} entries, the target {n}")))
        }
        _ => Ok(()),
    }
}

/// Every parameter is there, of its shape, and everything else is a running statistic.
fn check(t: &Trained, path: &Path) -> Result<(), Error> {
    let module = &t.model.module;
    for &id in &module.trainable {
        let s = &module.symbols[id.0 as usize];
        let shape = s.shape.under(&t.sizes);
        let found = t.tensors.iter().find(|tensor| tensor.name == s.key);
        if found.map(|tensor| tensor.shape) != shape || shape.is_none() {
            let show = |s: Option<(usize, usize)>| {
                s.map_or("nothing".to_owned(), |(r, c)| format!("{r}×{c}"))
            };
            return Err(Error::Mismatch {
                field: format!("{}: {}", path.display(), s.shown),
                expected: show(shape),
                found: show(found.map(|t| t.shape)),
            });
        }
    }
    check_entries(t, path)?;
    let statistic = |tensor: &Tensor| {
        let (site, _) = trained::running(&tensor.name)?;
        let (rows, cols) = module.norms.get(site as usize)?.under(&t.sizes)?;
        (rows.checked_mul(cols)? == tensor.numbers.len()).then_some(())
    };
    let known = |tensor: &Tensor| {
        let mut learned =
            module.trainable.iter().map(|id| &module.symbols[id.0 as usize]);
        learned.any(|s| s.key == tensor.name) || statistic(tensor).is_some()
    };
    match t.tensors.iter().find(|tensor| !known(tensor)) {
        None => Ok(()),
        Some(other) => Err(Error::Mismatch {
            field: format!("{}: {}", path.display(), other.name),
            expected: "a parameter of the equations".into(),
            found: "a tensor that nothing reads".into(),
        }),
    }
}
