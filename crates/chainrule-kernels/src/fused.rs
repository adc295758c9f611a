//! Runs elementwise programs: in go a [`Program`] and the places of its operands in the
//! arena, out come its outputs, computed block by block.
//!
//! Every step is one loop of explicit vectors over a block of [`BLOCK`] elements.
//! Registers are blocks of working memory that stay in the nearest cache; inputs and
//! outputs are read and written where they lie; constants and what is the same along a
//! block are one vector, read again and again.
//!
//! Where [`crate::native`] has made code of a program, a step is a run of many, with their
//! values in the processor's registers; and if that is all of it, there are no blocks.
//!
//! Narrow matrices are run as one long row. Then a `Row` or `Col` input is spread out
//! into a block of its own first, which costs a pass but keeps the vectors full.
//!
//! Invariant: an element's bits depend on its own operands alone, not on its block, the
//! number of threads or the instructions in use. An output may be the very slot of a
//! `Full` input: it is written there at once if that input is read no more, else from
//! working memory at the end of the block.

use crate::apply::{Place, apply};
use crate::arena::{Base, Region, Slot, Touched, apart, same_or_apart};
use crate::native::Compiled;
use crate::program::{Access, Program};
use crate::rng::{Draws, MANY, philox_many};
use crate::schedule::{Op, Schedule, Step};
use crate::scratch;
use crate::sequence::{Cut, Inputs, Part};
use crate::simd::{Elem, Forms, Isa, Kernel, Vector};
use std::sync::Arc;

/// Elements of a block: 2 KiB of f32, so that a dozen registers stay in 32 KiB.
pub(crate) const BLOCK: usize = 512;
/// Rows narrower than this are run together as one long row.
const NARROW: usize = 128;

/// How one operand follows the blocks.
#[derive(Clone, Copy, PartialEq)]
enum Follow {
    /// Lies in the arena along the block.
    Along,
    /// One number per row of the block.
    PerRow,
    /// Filled once, for good.
    Fixed,
    /// Spread out into a block of its own, the same for each block.
    SpreadRow,
    /// Spread out into a block of its own, anew for each block.
    SpreadCol,
}

/// A pass, and the working memory of the thread that runs it.
struct Run<'a, T> {
    layout: Layout<'a, T>,
    memory: *mut u8,
}

/// One pass, checked and laid out.
struct Layout<'a, T> {
    base: Base<T>,
    call: &'a Pass<T>,
    /// The steps, and the code that they call, if there is any.
    schedule: &'a Schedule,
    code: Option<&'a Compiled>,
    key: [u64; 2],
    /// Rows and columns as they are walked: 1 × rows·cols where narrow.
    rows: usize,
    cols: usize,
    /// Elements of a block along a row.
    block: usize,
    /// Bit i: output i is written where it lies; else from working memory.
    direct: u64,
}

/// A program with its places and numbers, ready to be run.
#[derive(Clone, Debug)]
pub struct Pass<T> {
    pub(crate) program: Arc<Program>,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) inputs: Vec<Slot>,
    pub(crate) outputs: Vec<Slot>,
    pub(crate) consts: Vec<T>,
    first_row: u64,
    /// Walked as one long row.
    flat: bool,
}

impl<T: Copy> Pass<T> {
    /// A pass of `program` over rows × cols. Row, Col and Scalar inputs lie as 1×cols,
    /// rows×1, 1×1; an output lies apart from all inputs and outputs, or is the very same
    /// slot as a `Full` input.
    pub fn new(
        program: Arc<Program>,
        (rows, cols): (usize, usize),
        inputs: Vec<Slot>,
        outputs: Vec<Slot>,
        consts: Vec<T>,
    ) -> Pass<T> {
        let (first_row, flat) = (0, false);
        let pass = Pass { program, rows, cols, inputs, outputs, consts, first_row, flat };
        pass.settled()
    }

    /// With what follows from the places.
    fn settled(mut self) -> Pass<T> {
        self.flat = is_flat(&self);
        self
    }

    fn draws(&self) -> bool {
        self.program.schedule.steps.iter().any(|step| matches!(step.op, Op::Uniform(_)))
    }

    /// The same with inputs and outputs that begin elsewhere.
    fn moved(
        &self,
        input: impl Fn(Access) -> fn(&Slot, usize) -> Slot,
        by: usize,
    ) -> Pass<T> {
        let inputs = self.inputs.iter().zip(&self.program.inputs);
        let inputs = inputs.map(|(slot, access)| input(*access)(slot, by)).collect();
        let outputs = self.outputs.iter().map(|slot| input(Access::Full)(slot, by));
        Pass { inputs, outputs: outputs.collect(), ..self.clone() }
    }
}

fn stay(slot: &Slot, _: usize) -> Slot {
    *slot
}

impl<T: Forms> Part<T> for Pass<T> {
    /// # Panics
    /// If an operand is missing, or overlaps an output.
    fn check(&self) {
        let (program, rows, cols) = (&self.program, self.rows, self.cols);
        assert_eq!(self.inputs.len(), program.inputs.len(), "inputs of a fused program");
        assert_eq!(
            self.outputs.len(),
            program.outputs.len(),
            "outputs of a fused program"
        );
        assert!(self.outputs.len() <= 64, "a fused program has at most 64 outputs");
        assert!(
            self.consts.len() >= program.schedule.consts,
            "constants of a fused program"
        );
        for (i, out) in self.outputs.iter().enumerate() {
            out.check_written(rows, cols);
            for (slot, access) in self.inputs.iter().zip(&program.inputs) {
                match access {
                    Access::Full => same_or_apart(*out, *slot, rows, cols),
                    Access::Row | Access::Col | Access::Scalar => {
                        apart(*out, *slot, (rows, cols), access.shape(rows, cols));
                    }
                }
            }
            for other in &self.outputs[..i] {
                apart(*out, *other, (rows, cols), (rows, cols));
            }
        }
    }

    fn touched(&self) -> Touched {
        let inputs = self.inputs.iter().zip(&self.program.inputs);
        let read = |(slot, access): (&Slot, &Access)| {
            let (rows, cols) = access.shape(self.rows, self.cols);
            Region::new(*slot, rows, cols)
        };
        let written = |slot: &Slot| Region::new(*slot, self.rows, self.cols);
        let writes = self.outputs.iter().map(written).collect();
        Touched { reads: inputs.map(read).collect(), writes }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn work(&self) -> usize {
        self.program.insts.len() * self.rows * self.cols
    }

    /// Draws are counted from a row's start, so their rows stay whole.
    fn cuts(&self) -> &[Cut] {
        if self.draws() { &[Cut::Rows] } else { &[Cut::Rows, Cut::Cols] }
    }

    fn rows(&self, first: usize, rows: usize) -> Pass<T> {
        let part = self.moved(
            |access| match access {
                Access::Full | Access::Col => Slot::down,
                Access::Row | Access::Scalar => stay,
            },
            first,
        );
        Pass { rows, first_row: self.first_row + first as u64, ..part }.settled()
    }

    fn cols(&self, first: usize, cols: usize) -> Pass<T> {
        let part = self.moved(
            |access| match access {
                Access::Full | Access::Row => Slot::along,
                Access::Col | Access::Scalar => stay,
            },
            first,
        );
        Pass { cols, ..part }.settled()
    }

    unsafe fn run(&self, base: Base<T>, isa: Isa, inputs: &Inputs<'_, T>) {
        if self.rows == 0 || self.cols == 0 {
            return;
        }
        let (rows, cols) =
            if self.flat { (1, self.rows * self.cols) } else { (self.rows, self.cols) };
        let block = if self.flat { flat_block(self.cols) } else { BLOCK };
        let spread = self.flat && self.rows > 1;
        let code = self.program.native.of::<T>(&self.program, isa, spread);
        let schedule = code.map_or(&self.program.schedule, |code| &code.schedule);
        let (key, direct) = (inputs.key, direct_outputs(schedule, self));
        let layout =
            Layout { base, call: self, schedule, code, key, rows, cols, block, direct };
        scratch::with(layout.bytes(), |memory| {
            // SAFETY: the caller's condition.
            unsafe { T::dispatch(isa, &Run { layout, memory }) }
        });
    }
}

/// Whether all that is Full lies in one piece and the rows are short, or none is needed.
fn is_flat<T: Copy>(call: &Pass<T>) -> bool {
    let program = &call.program;
    let whole = |slot: &Slot| call.rows == 1 || slot.row_stride == call.cols;
    let mut inputs = program.inputs.iter().zip(&call.inputs);
    let full = inputs.all(|(access, slot)| *access != Access::Full || whole(slot));
    let spread = program.inputs.iter().any(|a| matches!(a, Access::Row | Access::Col));
    let narrow = call.cols < NARROW && call.rows > 1;
    full && call.outputs.iter().all(whole) && (narrow || !(spread || call.draws()))
}

/// Whole rows where they fit, so that a spread-out row serves every block.
fn flat_block(cols: usize) -> usize {
    if cols < NARROW { BLOCK / cols * cols } else { BLOCK }
}

/// Which outputs can be written at once: those whose slot no later step reads as input.
fn direct_outputs<T>(schedule: &Schedule, call: &Pass<T>) -> u64 {
    let mut direct = 0;
    for (i, out) in call.outputs.iter().enumerate() {
        let mut inputs = call.inputs.iter().zip(&schedule.last_read);
        let free = inputs.all(|(slot, &last)| {
            slot.offset != out.offset || last <= schedule.defined[i]
        });
        direct |= u64::from(free) << i;
    }
    direct
}

impl<T> Layout<'_, T> {
    /// Bytes of the table, of a block per fixed operand (a spread one needs it), of a
    /// block for what code keeps there, and of a block per register.
    fn bytes(&self) -> usize {
        self.table_bytes()
            + (self.fixed() + 1 + self.schedule.blocks) * BLOCK * size_of::<T>()
    }

    /// Operands that are not registers.
    fn fixed(&self) -> usize {
        self.call.program.inputs.len() + self.schedule.consts
    }

    fn table_bytes(&self) -> usize {
        let places = self.fixed() + self.schedule.registers;
        (places * size_of::<Place<T>>()).next_multiple_of(64)
    }

    /// Whether blocks side by side can be run as one: nothing is held in working memory
    /// for a block.
    fn unbroken(&self) -> bool {
        let spread = |access: &Access| {
            matches!(self.follow(*access), Follow::SpreadRow | Follow::SpreadCol)
        };
        self.code.is_some()
            && self.schedule.steps.len() == 1
            && self.direct.count_ones() as usize == self.call.outputs.len()
            && !self.call.program.inputs.iter().any(spread)
    }

    fn follow(&self, access: Access) -> Follow {
        match (access, self.call.flat && self.call.rows > 1) {
            (Access::Full, _) | (Access::Row, false) => Follow::Along,
            (Access::Col, false) => Follow::PerRow,
            (Access::Scalar, _) => Follow::Fixed,
            (Access::Row, true) => Follow::SpreadRow,
            (Access::Col, true) => Follow::SpreadCol,
        }
    }
}

/// The operands of one part: a table of places, and what they point to in working
/// memory.
struct Table<T> {
    places: *mut Place<T>,
    /// A block per fixed operand.
    fills: *mut T,
    /// Blocks of the registers, one after the other.
    registers: *mut T,
}

impl<T: Copy> Table<T> {
    /// # Safety
    /// The table is prepared, and the place is in it.
    #[inline(always)]
    unsafe fn place(&self, place: u16) -> Place<T> {
        // SAFETY: the condition above.
        unsafe { *self.places.add(usize::from(place)) }
    }

    /// # Safety
    /// As [`Table::place`].
    #[inline(always)]
    unsafe fn arguments(&self, [a, b, c, d, e]: [u16; 5]) -> [Place<T>; 5] {
        // SAFETY: the condition above.
        unsafe {
            [self.place(a), self.place(b), self.place(c), self.place(d), self.place(e)]
        }
    }
}

impl<T: Elem> Kernel<T> for Run<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<E = T>>(&self) {
        let layout = &self.layout;
        // SAFETY: `memory` holds the table and then the blocks; both are aligned.
        unsafe {
            let fills = self.memory.add(layout.table_bytes()).cast::<T>();
            let registers = fills.add((layout.fixed() + 1) * BLOCK);
            let table = Table { places: self.memory.cast(), fills, registers };
            layout.prepare::<V>(&table);
            layout.walk::<V>(&table);
        }
    }
}

impl<T: Elem> Layout<'_, T> {
    /// Fills what does not change from block to block.
    ///
    /// # Safety
    /// The table and the fills are as large as [`Layout::bytes`] says them.
    #[inline(always)]
    unsafe fn prepare<V: Vector<E = T>>(&self, table: &Table<T>) {
        let fills = table.fills;
        let inputs = self.call.program.inputs.len();
        // SAFETY: one block per input and constant; slots were checked.
        unsafe {
            for (i, (access, slot)) in
                self.call.program.inputs.iter().zip(&self.call.inputs).enumerate()
            {
                let fill = fills.add(i * BLOCK);
                let source = self.base.at(slot.offset);
                let step = match self.follow(*access) {
                    Follow::Along | Follow::SpreadCol => V::LANES,
                    Follow::PerRow => 0,
                    Follow::Fixed => {
                        V::splat(*source).store(fill);
                        0
                    }
                    Follow::SpreadRow => {
                        let (cols, n) = (self.call.cols, self.block.min(self.cols));
                        for j in (0..n).step_by(cols) {
                            source.copy_to_nonoverlapping(fill.add(j), cols.min(n - j));
                        }
                        V::LANES
                    }
                };
                table.places.add(i).write(Place { start: fill, step });
            }
            for (c, value) in self.call.consts[..self.schedule.consts].iter().enumerate()
            {
                let fill = fills.add((inputs + c) * BLOCK);
                V::splat(*value).store(fill);
                table.places.add(inputs + c).write(Place { start: fill, step: 0 });
            }
            for &(place, block) in &self.schedule.homes {
                let start = table.registers.add(usize::from(block) * BLOCK);
                let place = table.places.add(usize::from(place));
                place.write(Place { start, step: V::LANES });
            }
        }
    }

    /// Runs all blocks.
    ///
    /// # Safety
    /// The table is prepared.
    #[inline(always)]
    unsafe fn walk<V: Vector<E = T>>(&self, table: &Table<T>) {
        let most = if self.unbroken() { self.cols } else { self.block };
        for row in 0..self.rows {
            let mut start = 0;
            while start < self.cols {
                let n = most.min(self.cols - start);
                // SAFETY: the block lies inside rows × cols.
                unsafe {
                    self.aim::<V>(table, row, start, n);
                    for step in &self.schedule.steps {
                        self.step::<V>(table, step, row, start, n);
                    }
                    self.copy_out::<V>(table, row, start, n);
                }
                start += n;
            }
        }
    }

    /// Points the table at one block.
    ///
    /// # Safety
    /// The block lies inside rows × cols.
    #[inline(always)]
    unsafe fn aim<V: Vector<E = T>>(
        &self,
        table: &Table<T>,
        row: usize,
        start: usize,
        n: usize,
    ) {
        // SAFETY: slots were checked for rows × cols.
        unsafe {
            for (i, (access, slot)) in
                self.call.program.inputs.iter().zip(&self.call.inputs).enumerate()
            {
                let place = &mut *table.places.add(i);
                let first_of_row = match access {
                    Access::Row => slot.offset,
                    Access::Full | Access::Col | Access::Scalar => {
                        slot.offset + row * slot.row_stride
                    }
                };
                match self.follow(*access) {
                    Follow::Along => place.start = self.base.at(first_of_row + start),
                    Follow::PerRow => {
                        V::splat(*self.base.at(first_of_row)).store(place.start);
                    }
                    Follow::SpreadCol => {
                        self.spread_col::<V>(place.start, *slot, start, n);
                    }
                    Follow::Fixed | Follow::SpreadRow => {}
                }
            }
            for (i, slot) in self.call.outputs.iter().enumerate() {
                if self.direct >> i & 1 == 1 {
                    let place = usize::from(self.schedule.results[i]);
                    (*table.places.add(place)).start =
                        self.base.at(slot.offset + row * slot.row_stride + start);
                }
            }
        }
    }

    /// One number per row, repeated for each of the row's columns. A row's last vector may
    /// reach into the next row, which then writes over it.
    ///
    /// # Safety
    /// `to` has room for a block; the block is whole rows; the slot was checked.
    #[inline(always)]
    unsafe fn spread_col<V: Vector<E = T>>(
        &self,
        to: *mut T,
        slot: Slot,
        start: usize,
        n: usize,
    ) {
        let cols = self.call.cols;
        let first = slot.offset + start / cols * slot.row_stride;
        for at in (0..n).step_by(cols) {
            // SAFETY: the row exists since start + at < rows·cols; at most n are written.
            unsafe {
                let value = *self.base.at(first + at / cols * slot.row_stride);
                let (value, end) = (V::splat(value), at + cols);
                for j in (at..end).step_by(V::LANES) {
                    if j + V::LANES <= n {
                        value.store(to.add(j));
                    } else {
                        value.store_part(to.add(j), V::part(n - j));
                    }
                }
            }
        }
    }

    /// Stores the outputs that could not be written at once.
    ///
    /// # Safety
    /// The block lies inside rows × cols.
    #[inline(always)]
    unsafe fn copy_out<V: Vector<E = T>>(
        &self,
        table: &Table<T>,
        row: usize,
        start: usize,
        n: usize,
    ) {
        for (i, slot) in self.call.outputs.iter().enumerate() {
            if self.direct >> i & 1 == 0 {
                // SAFETY: slots were checked; registers are blocks of working memory.
                unsafe {
                    let from = table.place(self.schedule.results[i]).start;
                    let to = self.base.at(slot.offset + row * slot.row_stride + start);
                    from.copy_to_nonoverlapping(to, n);
                }
            }
        }
    }

    /// One instruction over one block.
    ///
    /// # Safety
    /// The table is aimed at the block of `n` elements.
    #[inline(always)]
    unsafe fn step<V: Vector<E = T>>(
        &self,
        table: &Table<T>,
        step: &Step,
        row: usize,
        start: usize,
        n: usize,
    ) {
        // SAFETY: all places of the table hold n elements, or a vector at step 0.
        unsafe {
            if let (Op::Code(number), Some(code)) = (step.op, self.code) {
                code.run(number, table.places, table.fills, n);
                return;
            }
            let dst = table.place(step.dst).start;
            if let Op::Uniform(key) = step.op {
                self.draw(key, dst, row, start, n);
            } else {
                let args = table.arguments(step.args);
                apply::<V>(step.op, dst, args, n);
            }
        }
    }

    /// Uniform draws for a block, many groups of up to four columns at a time.
    ///
    /// # Safety
    /// `dst` has room for `n` elements.
    #[inline(always)]
    unsafe fn draw(&self, key: usize, dst: *mut T, row: usize, start: usize, n: usize) {
        let (key, cols) = (draw_key(self.key, key), self.call.cols);
        let (mut row, mut col) =
            if self.call.flat { (start / cols, start % cols) } else { (row, start) };
        let mut done = 0;
        while done < n {
            let (mut counters, mut groups) = ([[0; MANY]; 4], [(0, 0, 0); MANY]);
            for g in 0..MANY {
                // Columns up to the end of four, of the row, or of the block.
                let len = (4 - col % 4).min(cols - col).min(n - done);
                let number = self.call.first_row.wrapping_add(row as u64);
                let group = (col / 4) as u64;
                counters[0][g] = number as u32;
                counters[1][g] = (number >> 32) as u32;
                counters[2][g] = group as u32;
                counters[3][g] = (group >> 32) as u32;
                groups[g] = (done, col % 4, len);
                (done, col) = (done + len, col + len);
                if col == cols {
                    (row, col) = (row + 1, 0);
                }
            }
            let words = philox_many(counters, key);
            for (g, (at, first, len)) in groups.into_iter().enumerate() {
                for i in 0..len {
                    let value = (words[first + i][g] >> 8) as f32 * 0.5f32.powi(24);
                    // SAFETY: at + i < n.
                    unsafe { *dst.add(at + i) = T::of(f64::from(value)) };
                }
            }
        }
    }
}

fn draw_key(key: [u64; 2], instruction: usize) -> [u32; 2] {
    let seed = Draws::new(key[0], instruction as u32).u64(key[1], 0, 0);
    [seed as u32, (seed >> 32) as u32]
}
