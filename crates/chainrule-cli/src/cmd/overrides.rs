//! `--set NAME=VALUE`: what was typed → the library's overrides.

use std::str::FromStr;

use chainrule::graph::lower::Override;
use chainrule::graph::syntax::canonical;

/// One `--set`.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub name: String,
    pub value: String,
}

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').map(|(n, v)| (n.trim(), v.trim()));
        match parts {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self { name: canonical(name), value: value.to_owned() })
            }
            _ => Err("expected NAME=VALUE, as in H=64".to_owned()),
        }
    }
}

/// For the library.
pub(crate) fn overrides(set: &[Set]) -> Vec<Override> {
    let one = |s: &Set| Override { name: s.name.clone(), value: s.value.clone() };
    set.iter().map(one).collect()
}
