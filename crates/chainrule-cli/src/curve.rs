//! The loss over the epochs, drawn with braille dots for a terminal.
//!
//! In: figures per epoch. Out: text. The training curve (a running mean over the batches) is dotted,
//! the held-out one solid, so that they differ without colours. The axis is logarithmic where the
//! figures span more than a decade.

use chainrule::train::Epoch;

use crate::numbers::Digits;
use crate::report::style;
use crate::table::pad;

/// Characters across; each holds two dots.
const COLUMNS: usize = 60;
/// Characters down; each holds four dots.
const ROWS: usize = 12;

/// Loss of training and of held-out rows; nothing for a single epoch.
pub(crate) fn draw(epochs: &[Epoch]) -> String {
    let train: Vec<f64> = epochs.iter().map(|e| e.loss).collect();
    let held: Vec<f64> = epochs.iter().filter_map(|e| e.held_loss).collect();
    let finite = || train.iter().chain(&held).copied().filter(|v| v.is_finite());
    if finite().count() < 2 || train.len() < 2 {
        return String::new();
    }
    let axis = Axis::of(finite());
    let mut grid = Grid { cells: [[0; COLUMNS]; ROWS] };
    grid.curve(&train, &axis, 4);
    if held.len() == train.len() {
        grid.curve(&held, &axis, 1);
    }
    text(&grid, &axis, epochs, held.len() == train.len())
}

/// From figures to dots.
struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        Self { low, high, log: low > 0.0 && high > 10.0 * low }
    }

    /// 0 at the bottom, 1 at the top. The logarithm is only drawn: its last bits do not matter.
    fn place(&self, v: f64) -> f64 {
        let (low, high, v) = match self.log {
            true => (self.low.ln(), self.high.ln(), v.ln()),
            false => (self.low, self.high, v),
        };
        if high > low { (v - low) / (high - low) } else { 0.5 }
    }

    /// The figure at a height.
    fn at(&self, height: f64) -> f64 {
        match self.log {
            true => self.low * (self.high / self.low).powf(height),
            false => self.low + (self.high - self.low) * height,
        }
    }
}

/// Dots, as the eight bits of each braille sign.
struct Grid {
    cells: [[u8; COLUMNS]; ROWS],
}

impl Grid {
    /// Marks every `every`-th dot of a curve; steep parts are filled up if it is solid.
    fn curve(&mut self, values: &[f64], axis: &Axis, every: usize) {
        let last = values.len() - 1;
        let mut before = None;
        for x in (0..2 * COLUMNS).step_by(every) {
            let v = between(values, (x * last) as f64 / (2 * COLUMNS - 1) as f64);
            if !v.is_finite() {
                before = None;
                continue;
            }
            let y =
                (axis.place(v).clamp(0.0, 1.0) * (4 * ROWS - 1) as f64).round() as usize;
            let from = if every == 1 { before.unwrap_or(y) } else { y };
            for y in from.min(y)..=from.max(y) {
                self.dot(x, y);
            }
            before = Some(y);
        }
    }

    /// `y` counts from the bottom.
    fn dot(&mut self, x: usize, y: usize) {
        const BITS: [[u8; 2]; 4] =
            [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let down = 4 * ROWS - 1 - y;
        self.cells[down / 4][x / 2] |= BITS[down % 4][x % 2];
    }
}

/// The value at a place between two epochs.
fn between(values: &[f64], at: f64) -> f64 {
    let i = (at.floor() as usize).min(values.len() - 1);
    let next = values[(i + 1).min(values.len() - 1)];
    values[i] + (next - values[i]) * (at - i as f64)
}

fn text(grid: &Grid, axis: &Axis, epochs: &[Epoch], held: bool) -> String {
    let digits = Digits { digits: 3, ascii: false };
    let dim = style::DIM;
    let scale = if axis.log { "loss, logarithmic" } else { "loss" };
    let solid = if held { "   ⣀⣀ held out" } else { "" };
    let mut out =
        format!("{:9} {dim}{scale}   ⡀⡀ training (running mean){solid}{dim:#}\n", "");
    for (i, row) in grid.cells.iter().enumerate() {
        let label = match i {
            0 | 6 | 11 => digits.number(axis.at(1.0 - i as f64 / (ROWS - 1) as f64)),
            _ => String::new(),
        };
        let signs: String = row.iter().map(|b| braille(*b)).collect();
        out.push_str(&format!("{} ┤{}\n", pad(&label, 8), signs.trim_end()));
    }
    let end = epochs.last().map_or(0, |e| e.epoch).to_string();
    let first = epochs.first().map_or(0, |e| e.epoch).to_string();
    out.push_str(&format!("{:9}└{}\n", "", "─".repeat(COLUMNS)));
    let gap = COLUMNS.saturating_sub(first.len() + end.len());
    out + &format!("{:10}{dim}{first}{}{end} epochs{dim:#}\n", "", " ".repeat(gap))
}

fn braille(bits: u8) -> char {
    match bits {
        0 => ' ',
        b => char::from_u32(0x2800 + u32::from(b)).unwrap_or(' '),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(losses: &[f64]) -> Vec<Epoch> {
        let one = |(i, loss): (usize, &f64)| Epoch {
            epoch: i + 1,
            loss: *loss,
            held_loss: Some(loss * 1.1),
            ..Epoch::default()
        };
        losses.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_axis_is_logarithmic_over_a_decade_only() {
        assert!(draw(&epochs(&[2.0, 0.5, 0.1])).contains("logarithmic"));
        assert!(!draw(&epochs(&[2.0, 1.5, 1.0])).contains("logarithmic"));
    }

    #[test]
    fn odd_figures_are_drawn_or_left_out() {
        for losses in
            [&[1.0, 1.0][..], &[0.0, 1.0], &[-1.0, f64::NAN, 2.0], &[1e300, -1e300]]
        {
            assert!(draw(&epochs(losses)).lines().count() > 10, "{losses:?}");
        }
        assert_eq!(draw(&epochs(&[1.0])), "");
        assert_eq!(draw(&epochs(&[f64::NAN, f64::INFINITY])), "");
        assert_eq!(draw(&[]), "");
    }
}
