//! A table and nothing else → a file of equations to train, written beside where one works.
//!
//! In: a data file, perhaps a target. Out: the path of the file, and every guess with its reason, so
//! that it can be changed. A file of that name that says something else is left alone.

use std::path::{Path, PathBuf};

use chainrule::data::{Proposal, Task, propose, read_guessing};

use crate::failure::Failure;
use crate::template::{self, Activation, Network};
use crate::{report, writing};

/// Looks at the table and writes the file.
pub(super) fn write(
    table: &Path,
    target: Option<&str>,
    force: bool,
    say: &dyn Fn(&str),
) -> Result<PathBuf, Failure> {
    let Some(name) = table.to_str() else {
        return Err(Failure::Usage("--data: the path has to be UTF-8 text".to_owned()));
    };
    let (source, spec) = read_guessing(Path::new("."), name)?;
    let proposal = propose(&source, &spec, target)?;
    let path = PathBuf::from(format!("{}.chain", stem(table)));
    let text = network(&proposal, source.rows).text();
    for reason in &proposal.reasons {
        say(&report::clean(reason));
    }
    let same = std::fs::read(&path).is_ok_and(|there| there == text.as_bytes());
    if same {
        say(&format!("{} is as it would be written now", path.display()));
    } else {
        writing::whole(&path, &text, force)?;
        say(&format!("wrote {}; change it and train it again", path.display()));
    }
    Ok(path)
}

/// `adult` of `data/adult.csv.gz`.
fn stem(table: &Path) -> String {
    let name = table.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or("data");
    stem.to_owned()
}

/// Two layers that serve most tables; how long to train depends on the rows. Bounded units, so that
/// one odd row cannot run away: with relu, one wrong cell in a table of 54,000 rows took
/// R² from 0.97 to 0.61 where a logarithm was learned.
fn network(p: &Proposal, rows: usize) -> Network {
    let task = match p.task {
        Task::Binary => template::Task::Binary,
        Task::Classes => template::Task::Classes,
        Task::Regression => template::Task::Regression,
    };
    let epochs = match rows {
        0..2_000 => 100,
        2_000..20_000 => 40,
        _ => 20,
    };
    let batch = if rows < 20_000 { 32 } else { 128 };
    Network {
        task,
        hidden: vec![64, 32],
        activation: Activation::Tanh,
        inputs: None,
        outputs: None,
        data: Some(p.data_line()),
        train: format!(
            "adam(lr = 1e-3), batch {batch}, epochs {epochs}, seed 0, keep best"
        ),
        about: about(p),
    }
}

fn about(p: &Proposal) -> Vec<String> {
    let name = p.target.replace(char::is_control, "?");
    let mut lines =
        vec![format!("Predicts {name}. Written by chainrule after a look at the data:")];
    let reasons =
        p.reasons.iter().map(|r| format!("  {}", r.replace(char::is_control, "?")));
    lines.extend(reasons);
    lines
}
