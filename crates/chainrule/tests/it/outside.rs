//! A crate outside of the workspace depends on chainrule by path, trains, saves and predicts.
//!
//! It is built offline with the workspace's own lock file, in a target folder of its own that stays
//! from run to run.

use std::path::Path;
use std::process::Command;

const MAIN: &str = r#"
use chainrule::train::{Control, Event};
use chainrule::{Model, Trained, table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::parse(
        "
         wave(z) = sin(z) if z > 0 else z
         input x : 2
         target y : 1 binary
         param W1 : H×2 ~ glorot, b1 : H = 0, W2 : 1×H ~ glorot, b2 : 1 = 0
         where H = 8
         a = wave(W1 x + b1)
         ŷ = sigmoid(W2 a + b2)
         L = binary_cross_entropy(y, ŷ)
         minimize mean(L)
         train: adam(lr = 0.05), batch 4, epochs 300, seed 0",
    )?;
    let data = table(&[
        ("x", 2, &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
        ("y", 1, &[0.0, 1.0, 1.0, 0.0]),
    ])?;
    let mut epochs = 0;
    let trained = model.fit(&data, &mut |event| {
        epochs += usize::from(matches!(event, Event::Epoch(_)));
        Control::Continue
    })?;
    assert_eq!(epochs, 300);
    let path = std::path::Path::new("xor.safetensors");
    trained.save(path)?;
    let p = Trained::load(path)?.predict(&[0.0, 1.0, 1.0, 1.0])?;
    println!("{:?} {:?}", p.class(0), p.class(1));
    Ok(())
}
"#;

#[test]
fn a_crate_outside_the_workspace_trains() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    assert!(!folder.path().starts_with(here.join("../..").canonicalize().unwrap()));
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nchainrule = {{ path = {here:?} }}\n\n[profile.dev]\ndebug = false\n\n\
         [workspace]\n"
    );
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(here.join("../../Cargo.lock"), folder.path().join("Cargo.lock"))
        .unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/main.rs"), MAIN).unwrap();
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline"])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert_eq!(printed.trim(), "Some(\"1\") Some(\"0\")", "{said}");
}
