//! Measures burn on its backend flex: a task from `bench/run.py` in, figures out.
//!
//! What is measured is what a user of burn writes: its layers, loss and optimisers, a selected copy
//! of each mini-batch. Deliberately absent: kernels or tricks of our own.

#[path = "../../worker.rs"]
mod worker;

use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams, SgdConfig};
use burn::prelude::*;
use burn::tensor::{Int, Tensor, TensorData, activation};
use worker::{Draws, Fallible, Figures, Task};

const VERSION: &str = "0.22.1";

#[derive(Module, Debug)]
struct Network {
    layers: Vec<Linear>,
    relu: bool,
}

impl Network {
    fn new(task: &Task, device: &Device) -> Fallible<Self> {
        let start = Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: false };
        let layer = |w: &[usize]| {
            LinearConfig::new(w[0], w[1]).with_initializer(start.clone()).init(device)
        };
        let layers = task.widths()?.windows(2).map(layer).collect();
        Ok(Self { layers, relu: task.text("activation")? == "relu" })
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut a = x;
        for (l, layer) in self.layers.iter().enumerate() {
            a = layer.forward(a);
            if l + 1 < self.layers.len() {
                a = if self.relu { activation::relu(a) } else { a.tanh() };
            }
        }
        a
    }
}

fn matrix(rows: &[f32], width: usize, device: &Device) -> Tensor<2> {
    let shape = [rows.len() / width, width];
    Tensor::from_data(TensorData::new(rows.to_vec(), shape), device)
}

fn train(task: &Task) -> Fallible<Figures> {
    let (plain, tracked) = (Device::flex(), Device::flex().autodiff());
    let (x, y) = task.data()?;
    let (rows, batch) = (y.len(), task.number("batch")?);
    let rate: f64 = task.number("rate")?;
    let x = matrix(&x, task.widths()?[0], &plain);
    let y = Tensor::<1, Int>::from_data(TensorData::new(y, [rows]), &plain);
    let mut network = Network::new(task, &tracked)?;
    let mut rule = match task.text("rule")? {
        "sgd" => SgdConfig::new().init(),
        _ => AdamConfig::new().with_epsilon(1e-8).init(),
    };
    let loss = CrossEntropyLossConfig::new().init(&tracked);
    let mut draws = Draws(11);
    let mut figures = task.epochs(|| {
        for rows in draws.order(rows).chunks(batch) {
            let rows: Vec<i32> = rows.iter().map(|r| r.cast_signed()).collect();
            let count = rows.len();
            let rows =
                Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &plain);
            let some = x.clone().select(0, rows.clone()).autodiff();
            let classes = y.clone().select(0, rows).autodiff();
            let gradient = loss.forward(network.forward(some), classes).backward();
            let gradient = GradientsParams::from_grads(gradient, &network);
            network = rule.step(rate, network.clone(), gradient);
        }
        plain.sync().map_err(|e| format!("{e:?}"))?;
        Ok(())
    })?;
    let (x, y) = (x.slice([0..2000]), y.slice([0..2000]));
    let loss = CrossEntropyLossConfig::new().init(&plain);
    let loss = loss.forward(network.valid().forward(x), y).into_scalar::<f32>();
    figures.loss = Some(f64::from(loss));
    Ok(figures)
}

fn predict(task: &Task) -> Fallible<Figures> {
    let device = Device::flex();
    let (x, _) = task.data()?;
    let (rows, width): (usize, usize) = (task.number("rows")?, task.widths()?[0]);
    let network = Network::new(task, &device)?;
    let places = x.len() / width / rows;
    task.calls(|number| {
        let from = number % places * rows * width;
        let x = matrix(&x[from..from + rows * width], width, &device);
        std::hint::black_box(network.forward(x).into_data());
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
