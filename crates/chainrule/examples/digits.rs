//! Trains on the handwritten digits from equations in this file, and says how well it does.
//!
//! `cargo run --release -p chainrule --example digits`
#![allow(clippy::print_stdout, reason = "an example talks")]

use chainrule::data::{DataSpec, read_source};
use chainrule::train::{Control, Event};
use chainrule::{Error, Model};

const EQUATIONS: &str = "
input  x : D
target y : K one-hot
param  W1 : H×D ~ he,     b1 : H = 0
param  W2 : K×H ~ glorot, b2 : K = 0
where  H = 128

a1 = relu(W1 x + b1)
ŷ  = softmax(W2 a1 + b2)
L  = cross_entropy(y, ŷ)
minimize mean(L) + 1e-4/2 ‖W1‖²

data:  x = p* / 16,  y = digit,  hold out 20 % stratified
train: adam(lr = 1e-3), batch 32, epochs 60, seed 0
";

fn main() -> Result<(), Error> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data");
    let digits = read_source(&folder, "digits.csv.gz", &DataSpec::default())?;
    let model = Model::parse(EQUATIONS)?;
    let trained = model.fit(&digits, &mut |event| {
        if let Event::Epoch(e) = event
            && e.epoch % 10 == 0
        {
            println!(
                "epoch {:2}: loss {:.4}, held-out accuracy {:.2} %",
                e.epoch,
                e.loss,
                100.0 * e.held_metric.unwrap_or(f64::NAN)
            );
        }
        Control::Continue
    })?;
    let (figures, _) = trained.evaluate(&digits)?;
    println!("all rows: loss {:.4}", figures.loss);
    let first = trained.predict(&digits)?;
    println!("the first image is a {}", first.class(0).unwrap_or("?"));
    Ok(())
}
