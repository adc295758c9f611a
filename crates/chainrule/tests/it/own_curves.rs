//! Curves of small networks of our own, 36 rates each, and questions which rate belongs to which.

use chainrule::diagnose::curves::{Assigned, assign};
use chainrule::train::Control;
use chainrule::trials::{Settings, Trials};
use chainrule::{Model, table};

use crate::common::Draw;

/// What is varied between the networks: hidden layers, output and loss, optimiser.
struct Net {
    name: &'static str,
    lines: &'static str,
    optimizer: &'static str,
    batch: usize,
}

const NETS: &[Net] = &[
    Net {
        name: "tanh by sgd",
        lines: "a = tanh(W1 x + b1)\nc = tanh(V a + d)\nŷ = W2 c + b2\nL = half_mse(y, ŷ)",
        optimizer: "sgd",
        batch: 16,
    },
    Net {
        name: "relu by sgd, classes",
        lines: "a = relu(W1 x + b1)\nc = relu(V a + d)\nŷ = sigmoid(W2 c + b2)\n\
                L = bce((1 + sign(y)) / 2, ŷ)",
        optimizer: "sgd",
        batch: 32,
    },
    Net {
        name: "sigmoid by momentum, classes",
        lines: "a = sigmoid(W1 x + b1)\nc = sigmoid(V a + d)\nŷ = sigmoid(W2 c + b2)\n\
                L = bce((1 + sign(y)) / 2, ŷ)",
        optimizer: "momentum",
        batch: 16,
    },
    Net {
        name: "relu by adam",
        lines: "a = relu(W1 x + b1)\nc = relu(V a + d)\nŷ = W2 c + b2\nL = half_mse(y, ŷ)",
        optimizer: "adam",
        batch: 16,
    },
    Net {
        name: "relu by adam, classes",
        lines: "a = relu(W1 x + b1)\nc = relu(V a + d)\nŷ = sigmoid(W2 c + b2)\n\
                L = bce((1 + sign(y)) / 2, ŷ)",
        optimizer: "adam",
        batch: 8,
    },
    Net {
        name: "elu by rmsprop",
        lines: "a = elu(W1 x + b1)\nc = elu(V a + d)\nŷ = W2 c + b2\nL = half_mse(y, ŷ)",
        optimizer: "rmsprop",
        batch: 16,
    },
];

const EPOCHS: usize = 30;

/// Rates from 1e-5 to 1e2, five a decade.
fn rates() -> Vec<f64> {
    (0..36).map(|i| libm::exp10(f64::from(i) / 5.0 - 5.0)).collect()
}

/// The loss over the epochs, for each rate; NaN from where it broke.
fn curves(net: &Net) -> Vec<Vec<f64>> {
    let text = format!(
        "input x : D\ntarget y : 1\nparam W1 : H×D ~ he, b1 : H = 0\n\
         param V : H×H ~ he, d : H = 0\nparam W2 : 1×H ~ glorot, b2 : 1 = 0\n\
         where H = 16, D = 4\n{}\noutput: ŷ\nminimize mean(L)\n\
         train: {}(lr = 1), batch {}, epochs {EPOCHS}, seed 2",
        net.lines, net.optimizer, net.batch
    );
    let (mut x, mut y, mut draw) = (Vec::new(), Vec::new(), Draw(17));
    for _ in 0..256 {
        let row: Vec<f64> = (0..4).map(|_| draw.value()).collect();
        y.push(row[0] * row[1] + libm::sin(2.0 * row[2]) + 0.3 * draw.value());
        x.extend(row);
    }
    let data = table(&[("x", 4, &x), ("y", 1, &y)]).expect("a table");
    let set = |rate: &f64| -> Settings { vec![("lr".to_owned(), rate.to_string())] };
    let settings: Vec<Settings> = rates().iter().map(set).collect();
    let model = Model::parse(&text).expect("the file reads");
    let trials = Trials::of_table(&model, &settings, &data);
    let ends = trials.run(2, &|_, _| Control::Continue, &|_, ended| {
        let history = ended.expect("it trains").trained.history().to_vec();
        let mut losses: Vec<f64> = history.iter().map(|e| e.loss).collect();
        losses.resize(EPOCHS, f64::NAN);
        losses
    });
    let mut all: Vec<Vec<f64>> = ends.into_iter().flatten().collect();
    // As in curves of others the loss before the first step comes first; the lowest rate has it.
    let start = all[0][0];
    all.iter_mut().for_each(|c| c.insert(0, start));
    all
}

/// Four rates of the grid, at least half a decade apart, in any order.
fn four(draw: &mut Draw) -> Vec<usize> {
    loop {
        let mut own: Vec<usize> = (0..4).map(|_| draw.below(36)).collect();
        let mut sorted = own.clone();
        sorted.sort_unstable();
        if sorted.windows(2).all(|w| w[1] - w[0] >= 3) {
            let turn = draw.below(4);
            own.rotate_left(turn);
            return own;
        }
    }
}

#[test]
fn own_curves_find_their_rates_and_no_good_run_is_called_way_too_high() {
    let (mut draw, mut asked, mut right, mut slandered) = (Draw(23), 0, 0, 0);
    for net in NETS {
        let all = curves(net);
        let ends = |c: &Vec<f64>| c[EPOCHS - 3..].iter().sum::<f64>() / 4.0;
        let best =
            all.iter().map(ends).filter(|v| v.is_finite()).fold(f64::MAX, f64::min);
        let mut own = 0;
        for _ in 0..50 {
            let picks = four(&mut draw);
            // What broke in the same epoch cannot be told apart.
            let broke = |i: &usize| all[*i].iter().position(|v| !v.is_finite());
            let places: Vec<usize> = picks.iter().filter_map(broke).collect();
            if places.iter().any(|p| places.iter().filter(|q| *q == p).count() > 1) {
                continue;
            }
            let rates = rates();
            let curves: Vec<Vec<f64>> = picks.iter().map(|&i| all[i].clone()).collect();
            let truth: Vec<f64> = picks.iter().map(|&i| rates[i]).collect();
            let mut given = truth.clone();
            given.sort_by(f64::total_cmp);
            let found = assign(&curves, &given).expect("assigned");
            let answer: Vec<f64> = found.iter().map(|a| a.rate).collect();
            own += usize::from(answer == truth);
            asked += 1;
            if answer != truth && std::env::var_os("CURVES").is_some() {
                eprintln!("{}: {truth:?} taken for {answer:?}", net.name);
                for (a, c) in found.iter().zip(&curves) {
                    let short: Vec<String> =
                        c.iter().step_by(3).map(|v| format!("{v:.3}")).collect();
                    eprintln!("   {} {:?} {}", a.verdict, a.seen.regime, short.join(" "));
                }
            }
            let slander = |(a, c): (&Assigned, &Vec<f64>)| {
                ends(c) < 1.1 * best && a.verdict == "way too high"
            };
            slandered += found.iter().zip(&curves).filter(|&pair| slander(pair)).count();
        }
        right += own;
        eprintln!("{}: {own}, of all so far {right} of {asked}", net.name);
    }
    assert_eq!(slandered, 0);
    assert!(right * 100 >= 75 * asked, "{right} of {asked}");
}
