//! Numbers of a sheet: short decimals, and text for them.

use chainrule_graph::value::Mat;

/// Whether every entry has at most so many decimals, and not many digits before them.
pub(super) fn short(m: &Mat, decimals: u32) -> bool {
    let scale = 10_f64.powi(decimals as i32);
    m.data.iter().all(|x| {
        let y = x * scale;
        (y - y.round()).abs() < 1e-7 && x.abs() < 1e6
    })
}

/// A number with at most so many decimals.
pub(super) fn number(x: f64, decimals: u32) -> String {
    let text = format!("{x:.*}", decimals as usize);
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    if text == "-0" { "0".to_owned() } else { text }
}

/// `[1 2; 3 4]`, with the language's minus.
pub(super) fn matrix(m: &Mat, decimals: u32) -> String {
    let entry = |i: usize, j: usize| number(m.at(i, j), decimals).replace('-', "−");
    if m.is_scalar() {
        return entry(0, 0);
    }
    let row = |i: usize| (0..m.cols).map(|j| entry(i, j)).collect::<Vec<_>>().join(" ");
    format!("[{}]", (0..m.rows).map(row).collect::<Vec<_>>().join("; "))
}

/// The place of an entry: nothing for a number, `[2]` in a line, `[2,1]` in a matrix.
pub(super) fn place(m: &Mat, i: usize, j: usize) -> String {
    match (m.rows, m.cols) {
        (1, 1) => String::new(),
        (_, 1) => format!("[{}]", i + 1),
        _ => format!("[{},{}]", i + 1, j + 1),
    }
}
