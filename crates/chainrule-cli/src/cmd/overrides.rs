//! `--set NAME=VALUE`: what was typed → the library's options.

use std::str::FromStr;

use chainrule::Options;

/// One `--set`.
#[derive(Clone, Debug)]
struct Set {
    name: String,
    value: String,
}

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').map(|(n, v)| (n.trim(), v.trim()));
        match parts {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected NAME=VALUE, as in H=64".to_owned()),
        }
    }
}

/// The flag, for every command that reads equations.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Sets {
    /// Another value for anything that the file says: H=64, act=tanh, lr=0.01, epochs=5,
    /// "hold out=10 %", file=new.csv, "x=p1 p2 / 16"
    #[arg(long = "set", value_name = "NAME=VALUE")]
    all: Vec<Set>,
}

impl Sets {
    /// Whether none was typed.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// For the library.
    pub(crate) fn options(&self) -> Options {
        self.all.iter().fold(Options::default(), |o, s| o.set(&s.name, &s.value))
    }
}
