//! `cargo xtask case CASES.json ID [--out DIR]`: writes a case, or `all` of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(told) => {
            let _ = std::io::stdout().write_all(told.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "xtask: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[String]) -> Result<String, String> {
    let (file, id, out) = match args {
        [word, file, id] if word == "case" => (file, id, PathBuf::from("cases")),
        [word, file, id, flag, out] if word == "case" && flag == "--out" => {
            (file, id, PathBuf::from(out))
        }
        _ => {
            return Err(
                "usage: cargo xtask case CASES.json ID|all [--out DIR]".to_owned()
            );
        }
    };
    let file = Path::new(file);
    let all = xtask::cases(file)?;
    let wanted: Vec<_> = all.iter().filter(|c| id == "all" || c["id"] == **id).collect();
    if wanted.is_empty() {
        return Err(format!("{}: no case is called {id}", file.display()));
    }
    let mut told = String::new();
    for case in wanted {
        let name = case["id"].as_str().unwrap_or_default();
        match xtask::write(file, case, &out) {
            Ok(written) => {
                told.push_str(&format!("{}\n", written.chain.display()));
                for words in written.unsaid {
                    told.push_str(&format!("  not expressible: {words}\n"));
                }
            }
            Err(why) if id == "all" => told.push_str(&format!("{name}: {why}\n")),
            Err(why) => return Err(format!("{name}: {why}")),
        }
    }
    Ok(told)
}
