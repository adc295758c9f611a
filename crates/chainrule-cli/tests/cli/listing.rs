//! `functions`, `optimizers`, `completions`, `man`, help.

use crate::support::Place;

#[test]
fn functions_are_listed_with_their_equations() {
    let ran = Place::new().run(&["functions"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("relu(z) = z if z > 0 else 0"), "{}", ran.out);
    assert!(ran.out.contains("softmax(z : K) = exp(z) / sum(exp(z))"), "{}", ran.out);
}

#[test]
fn a_function_is_found_by_every_name_of_it() {
    for name in ["leaky_relu", "LeakyReLU", "σ", "bce"] {
        let ran = Place::new().run(&["functions", name]);
        assert_eq!(ran.status, 0, "{name}: {ran:?}");
    }
    let ran = Place::new().run(&["functions", "LeakyReLU"]);
    assert!(ran.out.contains("Maas, Hannun, Ng 2013"), "{}", ran.out);
}

#[test]
fn a_wrong_word_gets_the_nearest_one() {
    let cases = [
        (vec!["functions", "gelo"], "did you mean gelu?"),
        (vec!["optimizers", "adamm"], "did you mean adam?"),
        (vec!["chekc", "a.chain"], "check"),
        (vec!["check", "a.chain", "--formt", "json"], "--format"),
    ];
    for (args, words) in cases {
        let ran = Place::new().run(&args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(words), "{args:?}: {}", ran.err);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn optimisers_are_listed_with_their_updates() {
    let ran = Place::new().run(&["optimizers", "momentum"]);
    assert_eq!(ran.status, 0);
    assert!(ran.out.contains("θ ← θ − lr v"), "{}", ran.out);
    assert!(ran.out.contains("Polyak 1964"), "{}", ran.out);
    let json = Place::new().run(&["optimizers", "--format", "json"]).json();
    let names: Vec<&str> = json
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|o| o["name"].as_str())
        .collect();
    assert!(names.contains(&"adam") && names.contains(&"sgd"), "{names:?}");
}

#[test]
fn help_of_every_command_has_an_example() {
    let place = Place::new();
    let help = place.run(&["--help"]);
    let commands = help.out.split("Commands:").nth(1).expect("a list of commands");
    let commands = commands.split("\n\n").next().expect("the list's end");
    let names = commands.lines().filter_map(|l| l.split_whitespace().next());
    for name in names.filter(|n| !["help", "man"].contains(n)) {
        let ran = place.run(&[name, "--help"]);
        assert_eq!(ran.status, 0, "{name}");
        assert!(ran.out.contains(&format!("chainrule {name} ")), "{name}: {}", ran.out);
    }
}

#[test]
fn completions_and_the_manual_are_written_out() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = Place::new().run(&["completions", shell]);
        assert!(ran.status == 0 && ran.out.contains("chainrule"), "{shell}");
    }
    let ran = Place::new().run(&["man"]);
    assert!(ran.out.contains(".TH chainrule 1"), "{}", &ran.out[..200]);
    assert!(ran.out.contains("CHAINRULE CHECK"), "a section for each command");
}

/// The README's first command says no name.
#[test]
fn cargo_run_finds_the_one_command() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let asked = std::process::Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo answers");
    let told: serde_json::Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    let list = |of: &serde_json::Value| of.as_array().expect("a list").clone();
    let usual = list(&told["workspace_default_members"]);
    let packages = list(&told["packages"]);
    let targets = packages.iter().filter(|p| usual.contains(&p["id"]));
    let targets = targets.flat_map(|p| list(&p["targets"]));
    let binaries: Vec<_> =
        targets.filter(|t| t["kind"][0] == "bin").map(|t| t["name"].clone()).collect();
    assert_eq!(binaries, ["chainrule"]);
}
