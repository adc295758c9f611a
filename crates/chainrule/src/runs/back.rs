//! A run read back from its folder: what it was made of, and whether that is still there.
//!
//! In: `runs/<stem>-<n>`, or the model beside it. Out: [`Run`]. Invariants: the equations are those of
//! the folder, a file or data that has changed since is refused by name; paths are kept relative to
//! the folder, so that a project can be moved as a whole. Deliberately absent: training.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::{Caching, DataFile, Window};
use crate::error::Error;
use crate::model::{Model, Options};
use crate::train::{End, Epoch, Why};

/// A cache as a run's folder tells it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// As seen from the folder of the run.
    folder: PathBuf,
    window: Window,
    block: usize,
}

impl Kept {
    pub(super) fn new(caching: &Caching, run: &Path) -> Self {
        let Caching { folder, window, block } = caching;
        Self { folder: relative(run, folder), window: *window, block: *block }
    }
}

/// A run as its folder tells it.
#[derive(Clone, Debug)]
pub struct Run {
    path: PathBuf,
    equations: String,
    settings: Value,
    /// Of the model file, if it has a place of its own.
    model: Option<String>,
    end: Option<End>,
}

impl Run {
    /// Reads the folder of a run; the name of its model beside it will do, too.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Corrupt`] if it is no run folder.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let model = path.extension().is_some_and(|e| e == "safetensors");
        let path = if model { path.with_extension("") } else { path.to_owned() };
        fs::read_dir(&path).map_err(|e| Error::read(&path, e))?;
        let read = |name: &str| {
            let path = path.join(name);
            fs::read_to_string(&path).map_err(|e| Error::read(&path, e))
        };
        let json = |name: &str| -> Result<Value, Error> {
            let corrupt = |e: serde_json::Error| Error::Corrupt {
                path: path.join(name),
                what: e.to_string(),
            };
            serde_json::from_str(&read(name)?).map_err(corrupt)
        };
        let (equations, settings) = (read("equations.chain")?, json("settings.json")?);
        let summary = match path.join("summary.json").exists() {
            true => json("summary.json")?,
            false => Value::Null,
        };
        let end = serde_json::from_value(summary["end"].clone()).ok();
        let model = summary["model_file"].as_str().map(str::to_owned);
        Ok(Self { path, equations, settings, model, end })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it ended; `None` for a run that was killed, or is under way.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The end of a run that is over: not interrupted, not killed.
    #[must_use]
    pub fn over(&self) -> Option<&End> {
        self.end.as_ref().filter(|end| end.why != Why::Interrupted)
    }

    /// Its epochs, as `epochs.csv` has them.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Corrupt`] for a line that is none of ours.
    pub fn epochs(&self) -> Result<Vec<Epoch>, Error> {
        let path = self.path.join("epochs.csv");
        let text = fs::read_to_string(&path).map_err(|e| Error::read(&path, e))?;
        let one = |(i, line): (usize, &str)| {
            let what = || format!("line {}: not the figures of an epoch", i + 1);
            Epoch::of_line(line)
                .ok_or_else(|| Error::Corrupt { path: path.clone(), what: what() })
        };
        text.lines().enumerate().skip(1).map(one).collect()
    }

    /// Where its model is.
    #[must_use]
    pub fn model_path(&self) -> PathBuf {
        match &self.model {
            Some(place) => self.path.join(place),
            None => super::model_beside(&self.path),
        }
    }

    /// Its equations with its settings; `options` adds threads and the pace of checkpoints, and may
    /// set `epochs`.
    ///
    /// # Errors
    /// As [`Model::parse_with`]; [`Error::Corrupt`] if `settings.json` does not hold what it should.
    pub fn model(&self, mut options: Options) -> Result<Model, Error> {
        let mut set: Vec<(String, String)> = self.setting("set")?;
        if !options.set.is_empty() {
            set.retain(|(name, _)| name != "epochs");
        }
        set.append(&mut options.set);
        options.set = set;
        let folder = self.origin()?;
        Model::parse_in(&self.equations, &folder, options)
    }

    /// Refuses a `.chain` file or data that has changed since the run began.
    ///
    /// # Errors
    /// [`Error::Mismatch`] naming the file; [`Error::Read`] for data that is gone.
    pub fn unchanged(&self) -> Result<(), Error> {
        let folder = self.origin()?;
        if let Some(name) = self.setting::<Option<String>>("file")? {
            let file = folder.join(name);
            // The run has its own copy: a file that is gone is no other file.
            if fs::read_to_string(&file).is_ok_and(|text| text != self.equations) {
                let kept = self.path.join("equations.chain");
                return Err(Error::Mismatch {
                    field: file.display().to_string(),
                    expected: format!("the equations of the run ({})", kept.display()),
                    found: "a file that has changed since".into(),
                });
            }
        }
        let files: Vec<DataFile> = self.setting("files")?;
        files.iter().try_for_each(|f| f.unchanged(&folder))
    }

    /// The cache that the run was trained from, if it was.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if `settings.json` does not hold what it should.
    pub fn caching(&self) -> Result<Option<Caching>, Error> {
        let kept: Option<Kept> = self.setting("cache")?;
        Ok(kept.map(|Kept { folder, window, block }| {
            let folder = shortened(&self.path.join(folder));
            Caching { folder, window, block }
        }))
    }

    /// What is not as it was when the run began, and may change its numbers.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let now = [
            ("chainrule", env!("CARGO_PKG_VERSION").to_owned()),
            ("code_path", super::record::code_path()),
        ];
        let mut all = Vec::new();
        for (name, now) in now {
            let then = self.settings[name].as_str().unwrap_or("unknown");
            if then != now {
                let name = name.replace('_', " ");
                all.push(format!(
                    "{name} {then} made it, this is {now}: bits may differ"
                ));
            }
        }
        all
    }

    /// Everything that was written down when the run began.
    #[must_use]
    pub fn settings(&self) -> &Value {
        &self.settings
    }

    /// The folder of the `.chain` file.
    fn origin(&self) -> Result<PathBuf, Error> {
        let way = self.path.join(self.setting::<PathBuf>("folder")?);
        let short = shortened(&way);
        // `a/b/..` is `a` unless `b` is a link.
        let same = |p: &Path| p.canonicalize().ok();
        let ends = if short.as_os_str().is_empty() { Path::new(".") } else { &short };
        Ok(if same(ends).is_some() && same(ends) == same(&way) { short } else { way })
    }

    fn setting<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        serde_json::from_value(self.settings[name].clone()).map_err(|e| Error::Corrupt {
            path: self.path.join("settings.json"),
            what: format!("{name}: {e}"),
        })
    }
}

/// A path without steps down and up again.
fn shortened(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let last = out.components().next_back();
        match (part, last) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                out.pop();
            }
            _ => out.push(part),
        }
    }
    out
}

/// The way from one folder to another; the whole path where there is none.
pub(super) fn relative(from: &Path, to: &Path) -> PathBuf {
    let (Ok(from), Ok(to)) = (from.canonicalize(), to.canonicalize()) else {
        return to.to_owned();
    };
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b);
    let common = common.count();
    if common == 0 {
        return to;
    }
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_leads_there_and_moves_with_the_folders() {
        let root = tempfile::tempdir().unwrap();
        for name in ["project/runs/a-1", "project/equations"] {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        let at = |name: &str| root.path().join(name);
        let way = relative(&at("project/runs/a-1"), &at("project/equations"));
        assert_eq!(way, Path::new("../../equations"));
        assert_eq!(relative(&at("project"), &at("project")), Path::new(""));
        fs::rename(at("project"), at("moved")).unwrap();
        assert!(at("moved/runs/a-1").join(way).is_dir());
    }

    #[test]
    fn what_is_no_run_is_said() {
        let root = tempfile::tempdir().unwrap();
        let fails = |path: &Path| Run::open(path).unwrap_err();
        assert_eq!(fails(&root.path().join("none")).exit_status(), 2);
        assert!(fails(root.path()).to_string().contains("equations.chain"));
        fs::write(root.path().join("equations.chain"), "y = x").unwrap();
        fs::write(root.path().join("settings.json"), "{").unwrap();
        assert!(matches!(fails(root.path()), Error::Corrupt { .. }));
        fs::write(root.path().join("settings.json"), "{}").unwrap();
        let run = Run::open(root.path()).unwrap();
        let error = run.model(Options::default()).unwrap_err();
        assert!(error.to_string().contains("settings.json"), "{error}");
    }
}
