//! The header of a model file as text: written in a fixed order, read back field by field.
//!
//! In: [`Stored`] and the checksum. Out: JSON whose `__metadata__` starts with the checksum, padded
//! to eight bytes. Invariant: `checksum` finds the sum before anything is parsed, in every format to
//! come. Deliberately absent: the tensors' numbers.

use serde_json::{Map, Value, json};

use super::Stored;

/// What stands right before the checksum. No string in the header can contain it: inside of a
/// string a quote has a backslash.
const MARK: &[u8] = b"\"sha256\":\"";

const NAMED: [&str; 8] = [
    "sha256",
    "chainrule_format",
    "chainrule_version",
    "fingerprint",
    "equations",
    "settings",
    "preparation",
    "classes",
];

pub(super) fn write(stored: &Stored, sum: &str) -> String {
    let mut all = Map::new();
    all.insert("__metadata__".into(), metadata(stored, sum));
    let mut start = 0;
    for t in &stored.tensors {
        let end = start + t.numbers.len() * t.numbers.width();
        let about = json!({
            "dtype": t.numbers.dtype(),
            "shape": [t.shape.0, t.shape.1],
            "data_offsets": [start, end],
        });
        all.insert(t.name.clone(), about);
        start = end;
    }
    let mut text = Value::Object(all).to_string();
    // Tensors then start at a multiple of eight, as readers that map files like it.
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    text
}

/// All values are strings: the format asks for that.
fn metadata(stored: &Stored, sum: &str) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: String| map.insert(key.into(), Value::String(value));
    put("sha256", sum.into());
    put("chainrule_format", super::FORMAT.to_string());
    put("chainrule_version", stored.version.clone());
    put("fingerprint", stored.fingerprint.clone());
    put("equations", stored.equations.clone());
    put("settings", json!(stored.settings).to_string());
    put("preparation", stored.preparation.clone());
    put("classes", json!(stored.classes).to_string());
    for (key, value) in &stored.facts {
        put(key, value.clone());
    }
    Value::Object(map)
}

/// Place and digits of the checksum in the header.
pub(super) fn checksum(header: &[u8]) -> Option<(usize, &[u8])> {
    let at = header.windows(MARK.len()).position(|w| w == MARK)? + MARK.len();
    Some((at, header.get(at..at + super::BLANK.len())?))
}

/// The format's number.
pub(super) fn format(metadata: &Value) -> Result<u32, String> {
    let text = text(metadata, "chainrule_format")?;
    text.parse().map_err(|_| format!("expected the number of a format, found {text}"))
}

/// All but the tensors.
pub(super) fn read(metadata: &Value) -> Result<Stored, String> {
    let list = |key: &str| -> Result<Value, String> {
        serde_json::from_str(&text(metadata, key)?).map_err(|e| format!("{key}: {e}"))
    };
    let settings = serde_json::from_value(list("settings")?);
    let classes = serde_json::from_value(list("classes")?);
    Ok(Stored {
        equations: text(metadata, "equations")?,
        settings: settings.map_err(|e| format!("settings: {e}"))?,
        preparation: text(metadata, "preparation")?,
        classes: classes.map_err(|e| format!("classes: {e}"))?,
        fingerprint: text(metadata, "fingerprint")?,
        version: text(metadata, "chainrule_version")?,
        facts: facts(metadata),
        tensors: Vec::new(),
    })
}

fn facts(metadata: &Value) -> Vec<(String, String)> {
    let all = metadata.as_object().into_iter().flatten();
    let other = all.filter(|(key, _)| !NAMED.contains(&key.as_str()));
    other.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect()
}

fn text(metadata: &Value, key: &str) -> Result<String, String> {
    let found = metadata[key].as_str().map(str::to_owned);
    found.ok_or_else(|| format!("its header has no {key}"))
}
