//! Plain weights: a safetensors file that any reader of the format opens.
//!
//! In: [`Trained`]. Out: every parameter and running statistic under its own name, rows × columns as
//! in the file, in the precision of the training; `__metadata__` has equations, fingerprint and
//! version. Invariant: equal models give equal bytes. Deliberately absent: the preparation and the
//! checksum, which make a model file of it ([`crate::store`]).

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::model::Trained;
use crate::store::Tensor;

pub(super) fn write(trained: &Trained) -> Result<Vec<u8>, Error> {
    let tensors = trained.weights()?;
    let header = header(trained, &tensors);
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    for tensor in &tensors {
        // A vector takes all bytes.
        let written = tensor.numbers.write(&mut out);
        written.map_err(|e| Error::Refused(e.to_string()))?;
    }
    Ok(out)
}

fn header(trained: &Trained, tensors: &[Tensor]) -> String {
    let model = &trained.model;
    let mut all = Map::new();
    let about = json!({
        "format": "chainrule",
        "chainrule_version": env!("CARGO_PKG_VERSION"),
        "fingerprint": model.derived().fingerprint,
        "equations": model.equations(),
    });
    all.insert("__metadata__".into(), about);
    let mut start = 0;
    for t in tensors {
        let end = start + t.numbers.len() * t.numbers.width();
        let about = json!({
            "dtype": t.numbers.dtype(),
            "shape": [t.shape.0, t.shape.1],
            "data_offsets": [start, end],
        });
        all.insert(t.name.clone(), about);
        start = end;
    }
    let text = Value::Object(all).to_string();
    // Tensors then start at a multiple of eight.
    format!("{text}{}", " ".repeat(text.len().next_multiple_of(8) - text.len()))
}
