//! Measures candle: a task from `bench/run.py` in, figures out.
//!
//! What is measured is what a user of candle writes: `candle_nn`'s layers, loss and optimisers, an
//! indexed copy of each mini-batch. Deliberately absent: kernels or tricks of our own.

#[path = "../../worker.rs"]
mod worker;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, SGD, loss};
use worker::{Draws, Fallible, Figures, Task};

const VERSION: &str = "0.11.1";

struct Network {
    layers: Vec<Linear>,
    learned: Vec<Var>,
    relu: bool,
}

impl Network {
    fn new(task: &Task) -> Fallible<Self> {
        let (mut draws, mut layers, mut learned) = (Draws(7), Vec::new(), Vec::new());
        for pair in task.widths()?.windows(2) {
            let weights = draws.he(pair[0], pair[1]);
            let w = Var::from_vec(weights, (pair[1], pair[0]), &Device::Cpu)?;
            let b = Var::zeros(pair[1], DType::F32, &Device::Cpu)?;
            let parts = (w.as_tensor().clone(), b.as_tensor().clone());
            layers.push(Linear::new(parts.0, Some(parts.1)));
            learned.extend([w, b]);
        }
        Ok(Self { layers, learned, relu: task.text("activation")? == "relu" })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let mut a = x.clone();
        for (l, layer) in self.layers.iter().enumerate() {
            a = layer.forward(&a)?;
            if l + 1 < self.layers.len() {
                a = if self.relu { a.relu()? } else { a.tanh()? };
            }
        }
        Ok(a)
    }
}

enum Rule {
    Adam(AdamW),
    Sgd(SGD),
}

impl Rule {
    fn new(task: &Task, learned: Vec<Var>) -> Fallible<Self> {
        let lr = task.number("rate")?;
        Ok(match task.text("rule")? {
            "sgd" => Self::Sgd(SGD::new(learned, lr)?),
            rule => {
                let weight_decay = if rule == "adamw" { 0.01 } else { 0.0 };
                let params = ParamsAdamW { lr, weight_decay, ..Default::default() };
                Self::Adam(AdamW::new(learned, params)?)
            }
        })
    }

    fn step(&mut self, loss: &Tensor) -> candle_core::Result<()> {
        match self {
            Self::Adam(adam) => adam.backward_step(loss),
            Self::Sgd(sgd) => sgd.backward_step(loss),
        }
    }
}

fn train(task: &Task) -> Fallible<Figures> {
    let (x, y) = task.data()?;
    let (rows, width, batch) = (y.len(), task.widths()?[0], task.number("batch")?);
    let x = Tensor::from_vec(x, (rows, width), &Device::Cpu)?;
    let y: Vec<u32> = y.into_iter().map(i32::cast_unsigned).collect();
    let y = Tensor::from_vec(y, rows, &Device::Cpu)?;
    let network = Network::new(task)?;
    let mut rule = Rule::new(task, network.learned.clone())?;
    let mut draws = Draws(11);
    let mut figures = task.epochs(|| {
        for rows in draws.order(rows).chunks(batch) {
            let rows = Tensor::from_slice(rows, rows.len(), &Device::Cpu)?;
            let (x, y) = (x.index_select(&rows, 0)?, y.index_select(&rows, 0)?);
            rule.step(&loss::cross_entropy(&network.forward(&x)?, &y)?)?;
        }
        Ok(())
    })?;
    let (x, y) = (x.narrow(0, 0, 2000)?, y.narrow(0, 0, 2000)?);
    let loss = loss::cross_entropy(&network.forward(&x)?, &y)?;
    figures.loss = Some(f64::from(loss.to_scalar::<f32>()?));
    Ok(figures)
}

fn predict(task: &Task) -> Fallible<Figures> {
    let (x, _) = task.data()?;
    let (rows, width): (usize, usize) = (task.number("rows")?, task.widths()?[0]);
    let network = Network::new(task)?;
    let places = x.len() / width / rows;
    task.calls(|number| {
        let from = number % places * rows * width;
        let x = Tensor::from_slice(
            &x[from..from + rows * width],
            (rows, width),
            &Device::Cpu,
        )?;
        std::hint::black_box(
            network.forward(&x.detach())?.flatten_all()?.to_vec1::<f32>()?,
        );
        Ok(())
    })
}

fn main() -> Fallible<()> {
    let task = Task::read()?;
    let figures =
        if task.text("kind")? == "train" { train(&task)? } else { predict(&task)? };
    figures.tell(VERSION);
    Ok(())
}
