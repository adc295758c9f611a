//! `cargo xtask case CASES.json ID [--out DIR]`: writes a case, or `all` of them.
//! `cargo xtask made [PART] [--out DIR]`: makes networks with a fault, and healthy ones, and says what
//! a diagnosis finds in those whose name has PART in it.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use xtask::made::{Said, Verdict, diagnose_all, made, verdict};

const USAGE: &str = "usage: cargo xtask case CASES.json ID|all [--out DIR]\n       \
                     cargo xtask made [PART] [--out DIR]";

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let out = match args.iter().position(|a| a == "--out") {
        Some(i) if i + 1 < args.len() => {
            PathBuf::from(args.drain(i..i + 2).nth(1).unwrap_or_default())
        }
        _ => PathBuf::from("cases"),
    };
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let told = match words[..] {
        ["case", file, id] => write(Path::new(file), id, &out),
        ["made"] => Ok(measure("", &out)),
        ["made", part] => Ok(measure(part, &out)),
        _ => Err(USAGE.to_owned()),
    };
    match told {
        Ok(told) => {
            print(&told);
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "xtask: {why}");
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn write(file: &Path, id: &str, out: &Path) -> Result<String, String> {
    let all = xtask::cases(file)?;
    let wanted: Vec<_> = all.iter().filter(|c| id == "all" || c["id"] == *id).collect();
    if wanted.is_empty() {
        return Err(format!("{}: no case is called {id}", file.display()));
    }
    let mut told = String::new();
    for case in wanted {
        let name = case["id"].as_str().unwrap_or_default();
        match xtask::write(file, case, out) {
            Ok(written) => {
                let _ = writeln!(told, "{}", written.chain.display());
                for words in written.unsaid {
                    let _ = writeln!(told, "  not expressible: {words}");
                }
            }
            Err(why) if id == "all" => {
                let _ = writeln!(told, "{name}: {why}");
            }
            Err(why) => return Err(format!("{name}: {why}")),
        }
    }
    Ok(told)
}

/// A line for each made network as it is done; what is returned sums them up.
fn measure(part: &str, out: &Path) -> String {
    let mut list = made();
    list.retain(|c| c["id"].as_str().is_some_and(|id| id.contains(part)));
    let each = |said: &Said, seconds: f64| print(&line(said, seconds));
    let all = diagnose_all(Path::new("made"), &list, out, &each);
    sum(&all)
}

fn line((case, said): &Said, seconds: f64) -> String {
    let id = case["id"].as_str().unwrap_or_default();
    let (word, findings) = match said {
        Ok(found) => {
            let one =
                |f: &chainrule::diagnose::Finding| format!(" {:?}:{}", f.severity, f.id);
            (told(verdict(case, found)), found.iter().map(one).collect())
        }
        Err(why) => ("broken", format!(" {why}")),
    };
    let mut out = format!("{seconds:6.1} s {word:8} {id}:{findings}\n");
    if word.chars().all(char::is_uppercase) {
        let all = said.as_ref().into_iter().flatten();
        all.for_each(|f| out.push_str(&format!("         {}: {}\n", f.place, f.message)));
    }
    out
}

fn told(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Noticed => "noticed",
        Verdict::Missed => "MISSED",
        Verdict::Healthy(0, 0) => "quiet",
        Verdict::Healthy(0, 1) => "warned",
        Verdict::Healthy(..) => "SLANDER",
    }
}

fn sum(all: &[Said]) -> String {
    let verdicts: Vec<Verdict> =
        all.iter().filter_map(|(c, s)| Some(verdict(c, s.as_ref().ok()?))).collect();
    let count =
        |wanted: &dyn Fn(&Verdict) -> bool| verdicts.iter().filter(|v| wanted(v)).count();
    let noticed = count(&|v| *v == Verdict::Noticed);
    let faulty = noticed + count(&|v| *v == Verdict::Missed);
    format!(
        "faulty: {noticed} of {faulty} noticed; healthy: {}, without a word {}, with an error {}, \
         with two warnings or more {}; broken: {}\n",
        verdicts.len() - faulty,
        count(&|v| *v == Verdict::Healthy(0, 0)),
        count(&|v| matches!(v, Verdict::Healthy(1.., _))),
        count(&|v| matches!(v, Verdict::Healthy(_, 2..))),
        all.len() - verdicts.len()
    )
}
