//! Places for boxes, lines and labels.
//!
//! In: boxes and what they use. Out: a [`Drawing`]. Layers come from the longest way; a value that
//! skips layers gets a lane of its own in each; layers are ordered by the middle of their
//! neighbours; a line leaves level, turns once in the space between two layers, on a track of its
//! source, and arrives level. So lines meet boxes and labels only where they begin and end.

use std::collections::{BTreeMap, BTreeSet};

use super::network::Part;
use super::{Area, Box, Drawing, Label, Line, Measure, columns};

/// What stands in a layer: a box, or the lane of a value that goes past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Box(usize),
    Lane(usize),
}

/// The items of all layers, with what each gets its values from in the layer before.
struct Layers {
    rank: Vec<usize>,
    items: Vec<Vec<Item>>,
}

/// Finds a place for everything.
pub(super) fn place(parts: Vec<Part>, measure: Measure) -> Drawing {
    let rank = ranks(&parts);
    let items = order(&parts, &rank);
    let layers = Layers { rank, items };
    Placing {
        parts: &parts,
        layers: &layers,
        m: measure,
        boxes: vec![Area::default(); parts.len()],
    }
    .all(&parts)
}

/// Layers by the longest way from the data; data stands just before it is first used.
fn ranks(parts: &[Part]) -> Vec<usize> {
    let data = |p: &Part| {
        matches!(p.kind, super::Kind::Input | super::Kind::Target | super::Kind::Free)
    };
    let mut rank = vec![0_usize; parts.len()];
    for (i, p) in parts.iter().enumerate() {
        if !data(p) {
            rank[i] = p.uses.iter().map(|u| rank[*u] + 1).max().unwrap_or(0);
        }
    }
    for (i, _) in parts.iter().enumerate().filter(|(_, p)| data(p)) {
        let first = parts.iter().enumerate().filter(|(_, q)| q.uses.contains(&i));
        rank[i] = first.map(|(k, _)| rank[k]).min().unwrap_or(0).saturating_sub(1);
    }
    rank
}

/// How far each value has to go: the last layer that uses it.
fn reach(parts: &[Part], rank: &[usize]) -> Vec<usize> {
    let mut out = rank.to_vec();
    for (i, p) in parts.iter().enumerate() {
        for &u in &p.uses {
            out[u] = out[u].max(rank[i]);
        }
    }
    out
}

/// Sweeps over the layers that sort each by its neighbours.
const SWEEPS: usize = 6;

fn order(parts: &[Part], rank: &[usize]) -> Vec<Vec<Item>> {
    let last = rank.iter().copied().max().unwrap_or(0);
    let reach = reach(parts, rank);
    let mut items: Vec<Vec<Item>> = vec![Vec::new(); last + 1];
    for i in 0..parts.len() {
        items[rank[i]].push(Item::Box(i));
        for layer in items.iter_mut().take(reach[i]).skip(rank[i] + 1) {
            layer.push(Item::Lane(i));
        }
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        for step in 1..=last {
            let layer = if forward { step } else { last - step };
            let beside = if forward { layer - 1 } else { layer + 1 };
            let place: BTreeMap<Item, usize> =
                items[beside].iter().enumerate().map(|(at, i)| (*i, at)).collect();
            let middle = |item: &Item| -> f64 {
                let near = match forward {
                    true => before(parts, rank, *item),
                    false => after(parts, &items[beside], *item),
                };
                let at: Vec<usize> =
                    near.iter().filter_map(|n| place.get(n).copied()).collect();
                match at.len() {
                    0 => f64::INFINITY,
                    n => at.iter().sum::<usize>() as f64 / n as f64,
                }
            };
            let mut keyed: Vec<(f64, bool, Item)> = items[layer]
                .iter()
                .map(|i| (middle(i), matches!(i, Item::Lane(_)), *i))
                .collect();
            // A box stands above a lane that comes from the same place.
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            items[layer] = keyed.into_iter().map(|k| k.2).collect();
        }
    }
    items
}

/// Where an item's values come from in the layer before.
fn before(parts: &[Part], rank: &[usize], item: Item) -> Vec<Item> {
    let (layer, sources) = match item {
        Item::Box(i) => (rank[i], parts[i].uses.clone()),
        Item::Lane(s) => return vec![Item::Box(s), Item::Lane(s)],
    };
    let of =
        |s: &usize| if rank[*s] + 1 == layer { Item::Box(*s) } else { Item::Lane(*s) };
    sources.iter().map(of).collect()
}

/// Where an item's value goes in the layer behind.
fn after(parts: &[Part], next: &[Item], item: Item) -> Vec<Item> {
    let (Item::Box(s) | Item::Lane(s)) = item;
    let uses = |i: &&Item| match i {
        Item::Box(k) => parts[*k].uses.contains(&s),
        Item::Lane(k) => *k == s,
    };
    next.iter().filter(uses).copied().collect()
}

struct Placing<'p> {
    parts: &'p [Part],
    layers: &'p Layers,
    m: Measure,
    boxes: Vec<Area>,
}

/// The space between two layers.
struct Gap {
    /// Where labels begin.
    left: i32,
    /// The track of each source that turns.
    tracks: BTreeMap<usize, i32>,
}

impl Placing<'_> {
    fn all(mut self, parts: &[Part]) -> Drawing {
        for i in 0..parts.len() {
            (self.boxes[i].w, self.boxes[i].h) = self.size(i);
        }
        let lanes = self.down();
        let gaps = self.across(&lanes);
        let lines = self.lines(&lanes, &gaps);
        let labels = self.labels(&gaps);
        let far = |a: &Area| (a.x + a.w, a.y + a.h);
        let ends =
            self.boxes.iter().chain(labels.iter().map(|l: &Label| &l.area)).map(far);
        let low = lines.iter().flat_map(|l| l.points.iter().copied());
        let (width, height) =
            ends.chain(low).fold((0, 0), |(w, h), (x, y)| (w.max(x), h.max(y)));
        let made = parts.iter().zip(&self.boxes).enumerate().map(|(i, (p, area))| Box {
            kind: p.kind,
            name: p.name.clone(),
            lines: p.lines.clone(),
            area: *area,
            layer: self.layers.rank[i],
        });
        let boxes = made.collect();
        let edge = self.m.margin;
        Drawing { boxes, lines, labels, width: width + edge, height: height + edge }
    }

    fn size(&self, i: usize) -> (i32, i32) {
        let (p, m) = (&self.parts[i], &self.m);
        let widest = p.lines.iter().map(|l| columns(l)).chain([columns(&p.name)]).max();
        let rows = 1 + p.lines.len() as i32;
        let ports = p.uses.len() as i32;
        let text = rows * m.line + 2 * m.pad.1;
        // Lines that arrive do not touch, and a label fits above the one that leaves.
        let height = text.max((ports + 1) * m.track).max(2 * m.line + 1);
        (widest.unwrap_or(1) * m.sign + 2 * m.pad.0, height)
    }

    /// Where a value leaves an item.
    fn exit(
        &self,
        lanes: &BTreeMap<(usize, usize), i32>,
        layer: usize,
        source: usize,
    ) -> i32 {
        match self.layers.rank[source] == layer {
            true => self.boxes[source].y + self.boxes[source].h / 2,
            false => lanes[&(source, layer)],
        }
    }

    /// Heights: each layer below the line of what it comes from, without touching.
    fn down(&mut self) -> BTreeMap<(usize, usize), i32> {
        let mut lanes = BTreeMap::new();
        for layer in 0..self.layers.items.len() {
            let mut free = i32::MIN / 2;
            for item in &self.layers.items[layer] {
                let wish = self.wish(&lanes, layer, *item);
                match item {
                    Item::Box(i) => {
                        let h = self.boxes[*i].h;
                        let top = wish.map_or(free.max(0), |y| y - h / 2).max(free);
                        self.boxes[*i].y = top;
                        free = top + h + self.m.between;
                    }
                    Item::Lane(s) => {
                        let half = self.m.line;
                        let y = wish.unwrap_or(0).max(free + half);
                        lanes.insert((*s, layer), y);
                        free = y + half + self.m.between;
                    }
                }
            }
        }
        let top = self.boxes.iter().map(|b| b.y).chain(lanes.values().copied()).min();
        let shift = self.m.margin - top.unwrap_or(0);
        self.boxes.iter_mut().for_each(|b| b.y += shift);
        lanes.values_mut().for_each(|y| *y += shift);
        lanes
    }

    /// The height of the value that an item goes on with: that of an equation of the layer before,
    /// else any.
    fn wish(
        &self,
        lanes: &BTreeMap<(usize, usize), i32>,
        layer: usize,
        item: Item,
    ) -> Option<i32> {
        let sources = match item {
            Item::Box(i) => self.parts[i].uses.clone(),
            Item::Lane(s) => vec![s],
        };
        let near = |s: &&usize| self.layers.rank[**s] + 1 == layer;
        let source = sources.iter().find(near).or(sources.first())?;
        (layer > 0).then(|| self.exit(lanes, layer - 1, *source))
    }

    /// Widths: layers, between them room for labels and tracks.
    fn across(&mut self, lanes: &BTreeMap<(usize, usize), i32>) -> Vec<Gap> {
        let (mut x, mut gaps) = (self.m.margin, Vec::new());
        for layer in 0..self.layers.items.len() {
            let boxes: Vec<usize> = self.boxes_of(layer);
            let width = boxes.iter().map(|i| self.boxes[*i].w).max().unwrap_or(0);
            for i in boxes {
                self.boxes[i].x = x + (width - self.boxes[i].w) / 2;
            }
            let left = x + width + self.m.sign;
            let label = self.boxes_of(layer).iter().map(|i| self.label_width(*i)).max();
            let mut at = left + label.unwrap_or(0) + self.m.track;
            let mut tracks = BTreeMap::new();
            for source in self.turning(lanes, layer) {
                tracks.insert(source, at);
                at += self.m.track;
            }
            gaps.push(Gap { left, tracks });
            x = at + self.m.track;
        }
        gaps
    }

    fn boxes_of(&self, layer: usize) -> Vec<usize> {
        let of = |i: &Item| match i {
            Item::Box(i) => Some(*i),
            Item::Lane(_) => None,
        };
        self.layers.items[layer].iter().filter_map(of).collect()
    }

    /// The last layer's values, the loss, go nowhere: no label.
    fn label_width(&self, i: usize) -> i32 {
        match self.goes(i) {
            true => columns(&self.parts[i].shape) * self.m.sign,
            false => 0,
        }
    }

    fn goes(&self, i: usize) -> bool {
        self.parts.iter().any(|p| p.uses.contains(&i))
    }

    /// Sources whose line changes its height behind a layer, those that go down first from the
    /// lowest, so that they cross little.
    fn turning(&self, lanes: &BTreeMap<(usize, usize), i32>, layer: usize) -> Vec<usize> {
        let Some(next) = self.layers.items.get(layer + 1) else { return Vec::new() };
        let mut out: BTreeSet<(i32, usize)> = BTreeSet::new();
        for item in next {
            for (source, to) in self.arrivals(lanes, layer + 1, *item) {
                let from = self.exit(lanes, layer, source);
                if from != to {
                    out.insert((if to > from { -from } else { from }, source));
                }
            }
        }
        let mut seen = BTreeSet::new();
        out.into_iter().map(|o| o.1).filter(|s| seen.insert(*s)).collect()
    }

    /// What arrives at an item and at which height.
    fn arrivals(
        &self,
        lanes: &BTreeMap<(usize, usize), i32>,
        layer: usize,
        item: Item,
    ) -> Vec<(usize, i32)> {
        match item {
            Item::Lane(s) => vec![(s, lanes[&(s, layer)])],
            Item::Box(i) => {
                let area = self.boxes[i];
                let mut uses: Vec<usize> = self.parts[i].uses.clone();
                uses.sort_by_key(|s| self.exit(lanes, layer - 1, *s));
                let n = uses.len() as i32;
                let center = area.y + area.h / 2;
                let straight =
                    |s: &usize| (self.exit(lanes, layer - 1, *s) - center).abs() <= 1;
                // The value that arrives level keeps its height, the others stand round it.
                let level = uses
                    .iter()
                    .position(straight)
                    .map(|at| (at, self.exit(lanes, layer - 1, uses[at])));
                let apart = (area.h / 2 - 2) / n.max(1);
                let port = |(k, s): (usize, usize)| match level {
                    Some((at, y)) if n == 1 || apart * 2 >= self.m.track => {
                        (s, y + (k as i32 - at as i32) * apart)
                    }
                    _ => (s, area.y + area.h * (k as i32 + 1) / (n + 1)),
                };
                uses.into_iter().enumerate().map(port).collect()
            }
        }
    }

    fn lines(&self, lanes: &BTreeMap<(usize, usize), i32>, gaps: &[Gap]) -> Vec<Line> {
        let mut out = Vec::new();
        for (to, p) in self.parts.iter().enumerate() {
            for &from in &p.uses {
                out.push(self.line(lanes, gaps, from, to));
            }
        }
        out
    }

    fn line(
        &self,
        lanes: &BTreeMap<(usize, usize), i32>,
        gaps: &[Gap],
        from: usize,
        to: usize,
    ) -> Line {
        let (first, last) = (self.layers.rank[from], self.layers.rank[to]);
        let area = self.boxes[from];
        let mut points = vec![(area.x + area.w, self.exit(lanes, first, from))];
        for (layer, gap) in gaps.iter().enumerate().take(last).skip(first) {
            let item = if layer + 1 == last { Item::Box(to) } else { Item::Lane(from) };
            let arrivals = self.arrivals(lanes, layer + 1, item);
            let y = arrivals.iter().find(|a| a.0 == from).map_or(0, |a| a.1);
            let before = points.last().map_or(0, |p| p.1);
            if let Some(&track) = gap.tracks.get(&from).filter(|_| before != y) {
                points.extend([(track, before), (track, y)]);
            }
            if layer + 1 == last {
                points.push((self.boxes[to].x, y));
            }
        }
        Line { from, to, points }
    }

    fn labels(&self, gaps: &[Gap]) -> Vec<Label> {
        let mut out = Vec::new();
        let shown = |(i, p): &(usize, &Part)| self.goes(*i) && !p.shape.is_empty();
        for (of, p) in self.parts.iter().enumerate().filter(shown) {
            let gap = &gaps[self.layers.rank[of]];
            let exit = self.boxes[of].y + self.boxes[of].h / 2;
            let (w, h) = (columns(&p.shape) * self.m.sign, self.m.line);
            let area = Area { x: gap.left, y: exit - h, w, h };
            out.push(Label { of, text: p.shape.clone(), area });
        }
        out
    }
}
