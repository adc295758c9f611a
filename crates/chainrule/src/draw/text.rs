//! A drawing in the cells of a terminal.

use super::{Drawing, columns};

/// Which ways a cell's line goes: left, right, up, down.
type Ways = [bool; 4];

#[derive(Clone, Default)]
enum Cell {
    #[default]
    Empty,
    Line(Ways),
    Sign(String),
}

/// The picture as lines of text; made for [`super::Measure::CELLS`].
#[must_use]
pub fn text(d: &Drawing) -> String {
    let (w, h) = (d.width.max(0) as usize + 1, d.height.max(0) as usize + 1);
    let mut grid = Grid { cells: vec![vec![Cell::Empty; w]; h] };
    for l in &d.lines {
        grid.line(&l.points);
    }
    for b in &d.boxes {
        grid.frame(b.area);
        let rows = 1 + b.lines.len() as i32;
        let top = b.area.y + (b.area.h - rows) / 2;
        for (k, words) in std::iter::once(&b.name).chain(&b.lines).enumerate() {
            let x = b.area.x + (b.area.w - columns(words)) / 2;
            grid.write(x, top + k as i32, words);
        }
    }
    for l in &d.labels {
        grid.write(l.area.x, l.area.y, &l.text);
    }
    grid.text()
}

struct Grid {
    cells: Vec<Vec<Cell>>,
}

impl Grid {
    fn cell(&mut self, x: i32, y: i32) -> Option<&mut Cell> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        self.cells.get_mut(y)?.get_mut(x)
    }

    /// Adds ways to a cell.
    fn ways(&mut self, x: i32, y: i32, more: Ways) {
        let Some(cell) = self.cell(x, y) else { return };
        let known = if let Cell::Line(w) = cell { *w } else { [false; 4] };
        let mut all = known;
        for (a, m) in all.iter_mut().zip(more) {
            *a |= m;
        }
        *cell = Cell::Line(all);
    }

    fn line(&mut self, points: &[(i32, i32)]) {
        for pair in points.windows(2) {
            let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
            let (dx, dy) = ((bx - ax).signum(), (by - ay).signum());
            let forward = [dx < 0, dx > 0, dy < 0, dy > 0];
            let back = [dx > 0, dx < 0, dy > 0, dy < 0];
            let (mut x, mut y) = (ax, ay);
            while (x, y) != (bx, by) {
                self.ways(x, y, forward);
                (x, y) = (x + dx, y + dy);
                self.ways(x, y, back);
            }
        }
        if let Some(&(x, y)) = points.last()
            && let Some(cell) = self.cell(x - 1, y)
        {
            *cell = Cell::Sign("▶".to_owned());
        }
    }

    fn frame(&mut self, a: super::Area) {
        let (right, low) = (a.x + a.w - 1, a.y + a.h - 1);
        for y in a.y..=low {
            for x in a.x..=right {
                let sign = match (x == a.x, x == right, y == a.y, y == low) {
                    (true, _, true, _) => "┌",
                    (_, true, true, _) => "┐",
                    (true, _, _, true) => "└",
                    (_, true, _, true) => "┘",
                    (_, _, true, _) | (_, _, _, true) => "─",
                    (true, ..) | (_, true, ..) => "│",
                    _ => " ",
                };
                self.put(x, y, sign.to_owned());
            }
        }
    }

    fn put(&mut self, x: i32, y: i32, sign: String) {
        if let Some(cell) = self.cell(x, y) {
            *cell = Cell::Sign(sign);
        }
    }

    /// Words from left to right; marks above a letter go with it.
    fn write(&mut self, x: i32, y: i32, words: &str) {
        let (mut at, mut sign) = (x, String::new());
        for c in words.chars() {
            if columns(&c.to_string()) > 0 && !sign.is_empty() {
                self.put(at, y, std::mem::take(&mut sign));
                at += 1;
            }
            sign.push(c);
        }
        if !sign.is_empty() {
            self.put(at, y, sign);
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for row in &self.cells {
            let line: String = row
                .iter()
                .map(|c| match c {
                    Cell::Empty => " ",
                    Cell::Line(w) => sign(*w),
                    Cell::Sign(s) => s,
                })
                .collect();
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.trim_end_matches('\n').to_owned() + "\n"
    }
}

fn sign(w: Ways) -> &'static str {
    match w {
        [true, true, true, true] => "┼",
        [true, true, false, true] => "┬",
        [true, true, true, false] => "┴",
        [true, false, true, true] => "┤",
        [false, true, true, true] => "├",
        [true, _, false, false] | [_, true, false, false] => "─",
        [false, false, ..] => "│",
        [true, false, false, true] => "╮",
        [true, false, true, false] => "╯",
        [false, true, false, true] => "╭",
        [false, true, true, false] => "╰",
    }
}
