//! Trains T2 at batch 32 on one thread for a number of epochs of a hundred steps, and nothing else:
//! what `tests/instructions.rs` counts.
//!
//! In: the number of epochs. Out: exit status. Invariant: everything but the steps is the same for
//! any number of epochs. Deliberately absent: clocks, figures.
#![forbid(unsafe_code)]

use chainrule::train::Control;
use chainrule::{Model, Options, table};

const EQUATIONS: &str = "
input  x : 20
target y : 2 one-hot
param  W1 : 64×20 ~ he, b1 : 64 = 0
param  W2 : 64×64 ~ he, b2 : 64 = 0
param  W3 : 2×64 ~ he,  b3 : 2 = 0
a1 = relu(W1 x + b1)
a2 = relu(W2 a1 + b2)
ŷ  = softmax(W3 a2 + b3)
L  = cross_entropy(y, ŷ)
minimize mean(L)
train: adam(lr = 1e-3), batch 32, seed 1
";
const ROWS: usize = 3200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let epochs = std::env::args().nth(1).ok_or("expected a number of epochs")?;
    let options = Options::default().threads(1).set("epochs", epochs);
    let entry = |i: usize| f64::from((i * 7919 % 2003) as u32) / 1000.0 - 1.0;
    let x: Vec<f64> = (0..ROWS * 20).map(entry).collect();
    let y: Vec<f64> =
        x.chunks(20).map(|x| f64::from(u8::from(x[0] * x[1] > 0.0))).collect();
    let data = table(&[("x", 20, &x), ("y", 1, &y)])?;
    Model::parse_with(EQUATIONS, options)?.fit(&data, &mut |_| Control::Continue)?;
    Ok(())
}
