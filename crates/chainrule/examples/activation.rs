//! An activation of one's own, in one line of mathematics: a curve is learned, saved, loaded and
//! asked.
//!
//! `cargo run --release -p chainrule --example activation`
#![allow(clippy::print_stdout, reason = "an example talks")]

use chainrule::train::Control;
use chainrule::{Error, Model, Trained, table};

const EQUATIONS: &str = "
bent(z, β = 1) = z sigmoid(β z) if z > 0 else β z / (1 − z)

input  x : 1
target y : 1
param  W1 : H×1 ~ glorot, b1 : H ~ uniform(−3, 3)
param  W2 : 1×H ~ glorot, b2 : 1 = 0
where  H = 32

a = bent(W1 x + b1, β = 1.5)
ŷ = W2 a + b2
L = half_mse(y, ŷ)
minimize mean(L)

train: adam(lr = cosine(0.02)), batch 16, epochs 500, seed 0
";

fn main() -> Result<(), Error> {
    let x: Vec<f64> = (0..200).map(|i| f64::from(i) / 33.0 - 3.0).collect();
    let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
    let data = table(&[("x", 1, &x), ("y", 1, &y)])?;
    let trained = Model::parse(EQUATIONS)?.fit(&data, &mut |_| Control::Continue)?;

    let path =
        std::env::temp_dir().join(format!("sine-{}.safetensors", std::process::id()));
    trained.save(&path)?;
    let loaded = Trained::load(&path)?;
    let answer = loaded.predict(&[0.5, 1.5, -1.5])?;
    println!("sin(0.5), sin(1.5), sin(−1.5) ≈ {:.3?}", answer.values);
    // A file that is already gone is as good as removed.
    let _ = std::fs::remove_file(path);
    Ok(())
}
