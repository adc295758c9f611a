//! Weights as text: one line each.
//!
//! In: [`Trained`]. Out: `parameter,row,column,value`, rows and columns from 1 as in `W1[2,1]`. One
//! long table and not a file per parameter, so that an export is one file that is there or not; a
//! spreadsheet's pivot makes matrices of it. Invariant: a value is the shortest decimal that reads
//! back as the same number of the training's precision.

use crate::error::Error;
use crate::model::Trained;
use crate::store::{Numbers, Tensor};

pub(super) fn write(trained: &Trained) -> Result<Vec<u8>, Error> {
    let mut out = "parameter,row,column,value\n".to_owned();
    for tensor in &trained.weights()? {
        for (i, value) in texts(tensor).enumerate() {
            let (row, column) = (i / tensor.shape.1 + 1, i % tensor.shape.1 + 1);
            out.push_str(&format!("{},{row},{column},{value}\n", tensor.name));
        }
    }
    Ok(out.into_bytes())
}

/// The entries as decimals, row by row.
pub(super) fn texts(tensor: &Tensor) -> Box<dyn Iterator<Item = String> + '_> {
    match &tensor.numbers {
        Numbers::F32(v) => Box::new(v.iter().map(|&x| single(x))),
        Numbers::F64(v) => Box::new(v.iter().map(|&x| double(x))),
    }
}

/// Shortest for f32; a reader that goes by way of f64 gets the same f32 too, else the digits of the
/// f64 are written.
fn single(v: f32) -> String {
    let text = if plain(f64::from(v)) { v.to_string() } else { format!("{v:e}") };
    match text.parse::<f64>() {
        Ok(read) if read as f32 == v || v.is_nan() => text,
        _ => double(f64::from(v)),
    }
}

fn double(v: f64) -> String {
    if plain(v) { v.to_string() } else { format!("{v:e}") }
}

fn plain(v: f64) -> bool {
    v == 0.0 || (1e-5..1e16).contains(&v.abs()) || !v.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_read_back_to_the_last_bit() {
        let mut bits = 1_u32;
        for _ in 0..200_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let v = f32::from_bits(bits);
            if !v.is_finite() {
                continue;
            }
            let text = single(v);
            assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits, "{text}");
            assert_eq!((text.parse::<f64>().unwrap() as f32).to_bits(), bits, "{text}");
        }
        for v in [0.1, 1e-300, f64::MIN_POSITIVE, -2.5e17, f64::EPSILON] {
            assert_eq!(double(v).parse::<f64>().unwrap().to_bits(), v.to_bits());
        }
    }
}
