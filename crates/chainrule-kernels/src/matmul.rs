//! The matrix product C = α·A·B (+ C): in go places and strides in the arena, out comes
//! C in place.
//!
//! Invariant: an element of C is a chain of fused multiply-adds over k in order, begun
//! anew every [`DEPTH`] terms and added up in order, whatever m, n, strides, threads,
//! instructions or caches are. So a row of C is the same alone as among a thousand.
//!
//! The kernels are our own, since libraries take another order for one row, one column,
//! few terms or small results. Vectors lie along the axis of C whose elements lie side
//! by side; a tile of C stays in registers for a whole chain; the other operand is read
//! one number at a time from where it lies. [`crate::tile`] holds the tile itself.
//!
//! Deliberately absent: other orders (a long sum split over threads), other number types
//! for the sums, operands outside the arena.

use crate::arena::{Base, Region, Touched};
use crate::pack::{Columns, Operand, Rows, Tiles};
use crate::scratch;
use crate::sequence::{Cut, Inputs, Part};
use crate::simd::{Forms, Isa, Kernel, Vector};
use crate::tile::{Tile, run_tile, takes_parts, widest};

/// Terms of one chain.
pub(crate) const DEPTH: usize = 512;

/// A matrix product: C (m×n) = alpha·A (m×k)·B (k×n), plus C if `accumulate`. Strides
/// are in elements: `_rs` from row to row, `_cs` from column to column.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are the notation")]
pub struct Gemm {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: usize,
    pub a_rs: usize,
    pub a_cs: usize,
    pub b: usize,
    pub b_rs: usize,
    pub b_cs: usize,
    pub c: usize,
    pub c_rs: usize,
    pub c_cs: usize,
    pub alpha: f64,
    pub accumulate: bool,
}

/// One past the last element of a matrix.
fn end(start: usize, rows: usize, cols: usize, rs: usize, cs: usize) -> usize {
    if rows == 0 || cols == 0 {
        return start;
    }
    let down = (rows - 1).checked_mul(rs);
    let along = (cols - 1).checked_mul(cs);
    let span = down.zip(along).and_then(|(down, along)| down.checked_add(along));
    span.and_then(|s| s.checked_add(start + 1))
        .expect("a matrix beyond the address space")
}

impl Gemm {
    /// # Panics
    /// If C overlaps A or B, or elements of C one another.
    fn check(&self) {
        let a = end(self.a, self.m, self.k, self.a_rs, self.a_cs);
        let b = end(self.b, self.k, self.n, self.b_rs, self.b_cs);
        let c = end(self.c, self.m, self.n, self.c_rs, self.c_cs);
        let meets = |start: usize, end: usize| start < c && self.c < end && start < end;
        assert!(
            c == self.c || !meets(self.a, a) && !meets(self.b, b),
            "{self:?} overlaps"
        );
        if self.m == 0 || self.n == 0 {
            return;
        }
        let rows_apart = self.m <= 1 || self.c_rs > (self.n - 1) * self.c_cs;
        let cols_apart = self.n <= 1 || self.c_cs > (self.m - 1) * self.c_rs;
        let unit = (self.m <= 1 || self.c_rs > 0) && (self.n <= 1 || self.c_cs > 0);
        assert!(unit && (rows_apart || cols_apart), "C of {self:?} overlaps itself");
    }
}

/// Multiply-adds in the time of one elementwise operation on one number.
const MULTIPLY_ADDS: usize = 4;
/// Rows or columns of a piece, where threads take what is left: fewer would be packed too often.
const PIECE: usize = 512;
/// Pieces for each thread from which on this evens out who is slower.
const TURNS: usize = 4;
/// Work of a piece, some milliseconds, beside which it does not matter in whose cache operands lie.
const LONG: usize = 64 * 1024 * 1024;
/// A result of so few columns and so many rows is computed by vectors along its rows.
const SLIM: usize = 4;
const TALL: usize = 32;
/// Rows that are taken together, so that their part of A stays in the second cache.
const ROWS: usize = 192;
/// Columns whose packed panels are kept for all bands of rows, where there are several: they
/// stay in the third cache.
const COLS: usize = 2048;
/// Panels of columns from which on packing A pays where its rows or terms fall into the same
/// sets of the cache; elsewhere it lies well as it is.
const PACK_A: usize = 4;
/// Bytes between rows that fall into the same sets.
const SAME_SETS: usize = 1024;
/// Tiles of rows from which on packing B pays where its rows lie far apart.
const PACK_B: usize = 4;
/// Bytes between rows that are far apart.
const FAR: usize = 512;
/// Bytes of all panels of B that stay in the second cache while rows of A pass by.
pub(crate) const NEAR: usize = 512 * 1024;

/// A product, turned so that vectors lie along n.
struct Run<T> {
    base: Base<T>,
    /// The first elements of A and of B.
    a: *const T,
    b: *const T,
    g: Gemm,
    /// A is read for the first time since long: its next rows are asked for ahead.
    distant: bool,
    /// Room for packed rows of A, for packed panels of B, and for a tile of C.
    rooms: [*mut T; 3],
}

impl<T: Forms> Part<T> for Gemm {
    fn check(&self) {
        Gemm::check(self);
    }

    fn touched(&self) -> Touched {
        let a = Region::strided(self.a, (self.m, self.k), (self.a_rs, self.a_cs));
        let b = Region::strided(self.b, (self.k, self.n), (self.b_rs, self.b_cs));
        let c = Region::strided(self.c, (self.m, self.n), (self.c_rs, self.c_cs));
        Touched { reads: vec![a, b], writes: vec![c] }
    }

    fn shape(&self) -> (usize, usize) {
        (self.m, self.n)
    }

    fn work(&self) -> usize {
        self.m.saturating_mul(self.n).saturating_mul(self.k) / MULTIPLY_ADDS
    }

    /// By rows each part reads all of B, by columns all of A; what it reads beyond its own lies
    /// in other cores' caches. A layer's A is read again, in part, for the gradient, so it
    /// counts half: by columns unless A is twice as large.
    fn cuts(&self) -> &[Cut] {
        if self.m >= 2 * self.n {
            &[Cut::Rows, Cut::Cols]
        } else {
            &[Cut::Cols, Cut::Rows]
        }
    }

    fn gain(&self) -> usize {
        self.m.abs_diff(2 * self.n).saturating_mul(self.k) / 4
    }

    /// As many for each thread, along the longer side of the result.
    fn pieces(&self, threads: usize) -> Option<(Cut, usize)> {
        let way = if self.m > self.n { Cut::Rows } else { Cut::Cols };
        let pieces = self.m.max(self.n) / PIECE / threads * threads;
        let long = Part::<f32>::work(self) / pieces.max(1) >= LONG;
        (pieces >= TURNS * threads && long).then_some((way, pieces))
    }

    fn rows(&self, first: usize, rows: usize) -> Gemm {
        let (a, c) = (self.a + first * self.a_rs, self.c + first * self.c_rs);
        Gemm { m: rows, a, c, ..*self }
    }

    fn cols(&self, first: usize, cols: usize) -> Gemm {
        let (b, c) = (self.b + first * self.b_cs, self.c + first * self.c_cs);
        Gemm { n: cols, b, c, ..*self }
    }

    unsafe fn run(&self, base: Base<T>, isa: Isa, _: &Inputs<'_, T>) {
        // SAFETY: the caller's condition.
        unsafe { self.run_on(base, base.at(self.a).cast_const(), false, isa) }
    }
}

/// Elements of the rooms, for any vectors' width.
fn room(g: &Gemm, distant: bool) -> [usize; 3] {
    let (depth, panel) = (g.k.min(DEPTH), 8 * 16);
    let kept =
        if g.m > ROWS || distant { g.n.min(COLS).next_multiple_of(panel) } else { panel };
    // A line that is shorter than a vector is packed by whole ones.
    let room = [g.m.min(ROWS) * depth + 16, depth * kept, 12 * panel];
    room.map(|elements| elements.next_multiple_of(16))
}

impl Gemm {
    /// Does it with an A that lies anywhere, its strides those said; a `distant` one in memory, not
    /// in a cache.
    ///
    /// # Safety
    /// As [`Part::run`], with A's elements at `a`, which nobody writes.
    pub(crate) unsafe fn run_on<T: Forms>(
        &self,
        base: Base<T>,
        a: *const T,
        distant: bool,
        isa: Isa,
    ) {
        // SAFETY: B lies in the arena.
        let b = unsafe { base.at(self.b).cast_const() };
        let stays = self.stays();
        let (g, a, b) = if stays { (*self, a, b) } else { (self.transposed(), b, a) };
        let panels = g.k.min(DEPTH) * g.n * size_of::<T>();
        let apart = g.a_rs * size_of::<T>() >= FAR;
        let distant = distant && stays && apart && panels <= NEAR;
        let rooms = room(&g, distant);
        scratch::with(rooms.iter().sum::<usize>() * size_of::<T>(), |memory| {
            let start: *mut T = memory.cast();
            // SAFETY: the rooms lie one after the other; the caller's condition.
            unsafe {
                let second = start.add(rooms[0]);
                let rooms = [start, second, second.add(rooms[1])];
                T::dispatch(isa, &Run { base, a, b, g, distant, rooms });
            }
        });
    }

    /// Whether it is computed as it stands, not as the product of the transposes: so that C's rows
    /// are contiguous if either way makes them so, unless they are so short that vectors would be
    /// empty.
    fn stays(&self) -> bool {
        let slim = self.n <= SLIM && self.m >= TALL;
        self.m == 1 || self.n != 1 && !slim && (self.c_cs == 1 || self.c_rs != 1)
    }

    /// The product of the transposes, Cᵀ = α·Bᵀ·Aᵀ: the same numbers in the same places.
    pub(crate) fn transposed(&self) -> Gemm {
        Gemm {
            m: self.n,
            n: self.m,
            a: self.b,
            a_rs: self.b_cs,
            a_cs: self.b_rs,
            b: self.a,
            b_rs: self.a_cs,
            b_cs: self.a_rs,
            c_rs: self.c_cs,
            c_cs: self.c_rs,
            ..*self
        }
    }
}

/// A panel of B: where it is, the step from row to row, and whether its rows are whole vectors.
type Panel<T> = (*const T, usize, bool);
/// A tile's rows of A with their strides, its panel of B, and the rows of A to ask for meanwhile,
/// with their number.
type Operands<T> = ((*const T, usize, usize), Panel<T>, (*const T, usize));

impl<T: Forms> Kernel<T> for Run<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        // SAFETY: the rooms are as large as `room` says.
        unsafe { self.chains::<V>(self.rooms) }
    }
}

impl<T: Forms> Run<T> {
    /// All chains of this part: one block of columns, one depth, one band of rows after the other.
    ///
    /// # Safety
    /// The rooms are as large as [`room`] says.
    #[inline(always)]
    unsafe fn chains<V: Vector<E = T>>(&self, rooms: [*mut T; 3]) {
        let g = &self.g;
        // Rows from memory are read once, not once for each panel: they come in evenly.
        let most = if self.distant { V::TILE } else { ROWS };
        if g.m <= most && g.k <= DEPTH {
            let width = widest::<V>(Tiles::of::<V>(g.m).height) * V::LANES;
            // SAFETY: the whole product.
            return unsafe { self.band::<V>(rooms, (0, g.m), (0, g.n, width), (0, g.k)) };
        }
        let bands = g.m.div_ceil(most).max(1);
        let band = g.m.div_ceil(bands).max(1);
        let block = if bands > 1 { COLS } else { g.n };
        let width = widest::<V>(Tiles::of::<V>(band).height) * V::LANES;
        for col in (0..g.n).step_by(block.max(1)) {
            for k in (0..g.k.max(1)).step_by(DEPTH) {
                let terms = (k, DEPTH.min(g.k - k));
                for row in (0..g.m).step_by(band) {
                    let rows = (row, band.min(g.m - row));
                    let cols = (col, block.min(g.n - col), width);
                    // SAFETY: rows, columns and terms inside the operands.
                    unsafe { self.band::<V>(rooms, rows, cols, terms) }
                }
            }
        }
    }

    /// One band of rows against all panels of a block of columns.
    ///
    /// # Safety
    /// The rows, columns and terms exist; a band that is not the first follows the one before it
    /// with the same columns, terms and `width`, which a tile of the first band can have.
    #[inline(always)]
    unsafe fn band<V: Vector<E = T>>(
        &self,
        [a_room, b_room, c_room]: [*mut T; 3],
        (row, rows): (usize, usize),
        (first, cols, width): (usize, usize, usize),
        (k, depth): (usize, usize),
    ) {
        let g = &self.g;
        let tiles = Tiles::of::<V>(rows);
        let (several, end) = (g.m > rows, first + cols);
        let apart = if g.a_rs == 1 { g.a_cs } else { g.a_rs };
        let clash = (apart * size_of::<T>()).is_multiple_of(SAME_SETS) && apart > 0;
        let pack = clash && cols.div_ceil(width) >= PACK_A;
        // SAFETY: all elements named exist; rooms are large enough.
        unsafe {
            let a = self.a.add(row * g.a_rs + k * g.a_cs);
            let a = Operand { start: a, rs: g.a_rs, cs: g.a_cs };
            if pack {
                V::apart(&Rows { a, tiles, depth, to: a_room });
            }
            let ahead = match self.distant {
                true => tiles.height.div_ceil(cols.div_ceil(width)),
                false => 0,
            };
            let (mut col, mut next) = (first, a.start.wrapping_add(rows * a.rs));
            while col < end {
                let vectors = (end - col).div_ceil(V::LANES).min(width / V::LANES);
                let vectors = 1 << vectors.ilog2();
                let cols = (end - col).min(vectors * V::LANES);
                let kept = if several { (col - first) * depth } else { 0 };
                let room = (b_room.add(kept), several && row > 0);
                let b = self.panel::<V>(room, (k, depth), (col, cols, vectors));
                for (top, h) in tiles.each() {
                    let a = if pack {
                        (a_room.add(top * depth).cast_const(), 1, h)
                    } else {
                        (a.start.add(top * a.rs), a.rs, a.cs)
                    };
                    let (at, shape) = ((row + top, col), (h, cols, vectors));
                    self.tile::<V>(c_room, at, shape, (a, b, (next, ahead)), (k, depth));
                }
                next = next.wrapping_add(ahead * a.rs);
                col += cols;
            }
        }
    }

    /// A panel of B where it lies, or packed so that its rows are whole vectors, unless
    /// the room holds it already.
    ///
    /// # Safety
    /// The terms and columns exist; the room is large enough for a panel, or holds this one.
    #[inline(always)]
    unsafe fn panel<V: Vector<E = T>>(
        &self,
        (room, held): (*mut T, bool),
        (k, depth): (usize, usize),
        (col, cols, vectors): (usize, usize, usize),
    ) -> Panel<T> {
        let g = &self.g;
        let many = g.m.div_ceil(V::TILE) >= PACK_B;
        let packs = many && (self.distant || g.b_rs * size_of::<T>() >= FAR);
        // SAFETY: all elements named exist; the room is large enough.
        unsafe {
            let b = self.b.add(k * g.b_rs + col * g.b_cs);
            let width = vectors * V::LANES;
            let whole = cols == width;
            if g.b_cs == 1 && !packs && (whole || takes_parts::<V>(g.m)) {
                return (b, g.b_rs, whole);
            }
            if !held {
                let b = Operand { start: b, rs: g.b_rs, cs: g.b_cs };
                V::apart(&Columns { b, cols, depth, to: room, width });
            }
            (room.cast_const(), width, true)
        }
    }

    /// One tile of C.
    ///
    /// # Safety
    /// The tile lies in C; the operands hold its rows, columns and terms.
    #[inline(always)]
    unsafe fn tile<V: Vector<E = T>>(
        &self,
        room: *mut T,
        (row, col): (usize, usize),
        (height, cols, vectors): (usize, usize, usize),
        (a, b, ahead): Operands<T>,
        (k, depth): (usize, usize),
    ) {
        let g = &self.g;
        // SAFETY: this function's condition.
        unsafe {
            let c = self.base.at(g.c + row * g.c_rs + col * g.c_cs);
            let ((a, a_rs, a_cs), (b, b_rs, whole), c_rs) = (a, b, g.c_rs);
            let lanes = cols - (vectors - 1) * V::LANES;
            let alpha = T::of(g.alpha);
            let add = g.accumulate || k > 0;
            let tile =
                Tile { depth, a, a_rs, a_cs, b, b_rs, c, c_rs, alpha, add, lanes, ahead };
            if g.c_cs == 1 || cols == 1 {
                run_tile::<V>(&tile, whole, height, vectors);
            } else {
                let c_rs = vectors * V::LANES;
                let tile = Tile { c: room, c_rs, alpha: T::of(1.0), add: false, ..tile };
                run_tile::<V>(&tile, whole, height, vectors);
                for (i, j) in (0..height).flat_map(|i| (0..cols).map(move |j| (i, j))) {
                    let to = c.add(i * g.c_rs + j * g.c_cs);
                    let old = if add { *to } else { T::of(0.0) };
                    *to = alpha.fma(*room.add(i * c_rs + j), old);
                }
            }
        }
    }
}

/// The product as the invariant says it, one element after the other.
#[cfg(test)]
pub(crate) fn reference<T: Forms>(arena: &mut [T], g: &Gemm) {
    for (i, j) in (0..g.m).flat_map(|i| (0..g.n).map(move |j| (i, j))) {
        let c = g.c + i * g.c_rs + j * g.c_cs;
        for start in (0..g.k.max(1)).step_by(DEPTH) {
            let chain = (start..g.k.min(start + DEPTH)).fold(T::of(0.0), |chain, k| {
                let a = arena[g.a + i * g.a_rs + k * g.a_cs];
                a.fma(arena[g.b + k * g.b_rs + j * g.b_cs], chain)
            });
            let old = if start > 0 || g.accumulate { arena[c] } else { T::of(0.0) };
            arena[c] = T::of(g.alpha).fma(chain, old);
        }
    }
}
