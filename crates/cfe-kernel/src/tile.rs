//! One tile of the instance update, compiled per instruction set: packing, systems, solutions.

use super::factor::{Dual, Ridge, Solve, factor_len};
use super::instances::InstanceSums;
use super::pack::{PAIR, Panels, panel_width, vech_panel};
use super::product::lane_product;
use super::residual::add_squared_error;
use super::simd::Scalar;
use super::workspace::{ALIGN, Buffer, Scratch};
use super::{first_bad, split, triangle};
use pulp::{Simd, WithSimd};

/// Z is packed once if it is not larger than this; otherwise each tile forms it panel by panel.
const MAX_STORED_Z_BYTES: usize = 4 << 20;
/// Systems held at once per thread where Z is formed on the fly (then several micro-tiles share a panel).
const SYSTEM_BYTES: usize = 4 << 20;

/// What all jobs share.
pub struct Problem<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) m: usize,
    pub(crate) d: usize,
    pub(crate) lambda: T,
    /// X^T in panels.
    rhs: Panels<T>,
    form: Form<T>,
    /// X in panels, where the sums are asked for.
    measured: Option<Panels<T>>,
}

impl<T> Problem<'_, T> {
    pub(crate) fn on_the_fly(&self) -> bool {
        matches!(self.form, Form::PrimalOnTheFly)
    }
}

/// How the instances' systems come about.
pub(crate) enum Form<T> {
    /// Z in panels.
    Primal(Panels<T>),
    /// Z is too large to store.
    PrimalOnTheFly,
    /// Lower triangle of X^T X.
    Dual(Vec<T>),
}

/// Packs X once per update.
pub struct Prepare<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) m: usize,
    pub(crate) d: usize,
    pub(crate) lambda: T,
    /// Whether [`InstanceSums`] are asked for.
    pub(crate) measured: bool,
}

impl<'a, T: Scalar> WithSimd for Prepare<'a, T> {
    type Output = Problem<'a, T>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Problem<'a, T> {
        let Self { x, m, d, lambda, measured } = self;
        let form = if m < d && lambda > T::ZERO {
            Form::Dual(shared_gram(x, m))
        } else if m * triangle(d) * size_of::<T>() <= MAX_STORED_Z_BYTES {
            Form::Primal(Panels::vech::<S>(x, m, d))
        } else {
            Form::PrimalOnTheFly
        };
        // Without classifiers there is nothing to pack, and no error.
        let measured = measured.then(|| Panels::plain::<S>(x, m, d));
        Problem { x, m, d, lambda, rhs: Panels::transposed::<S>(x, m, d), form, measured }
    }
}

/// Lower triangle of X^T X, row by row; X is d x m.
fn shared_gram<T: Scalar>(x: &[T], m: usize) -> Vec<T> {
    let mut gram = vec![T::ZERO; triangle(m)];
    if m == 0 {
        return gram;
    }
    for row in x.chunks_exact(m) {
        for (i, &a) in row.iter().enumerate() {
            for (out, &b) in gram[triangle(i)..].iter_mut().zip(&row[..=i]) {
                *out += a * b;
            }
        }
    }
    gram
}

/// Packs one row of the cells of a tile, `r` and `c` (whole micro-tiles): `left` gets c and `right` gets
/// r, as `[micro-tile][classifier][register of the pair]`.
pub struct PackPair<'a, T> {
    pub(crate) r: &'a [T],
    pub(crate) c: &'a [T],
    pub(crate) u: usize,
    pub(crate) m: usize,
    pub(crate) left: &'a mut [T],
    pub(crate) right: &'a mut [T],
}

impl<T: Scalar> WithSimd for PackPair<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rs = T::registers::<S>(self.r).as_chunks::<PAIR>().0;
        let cs = T::registers::<S>(self.c).as_chunks::<PAIR>().0;
        let left = T::registers_mut::<S>(self.left).as_chunks_mut::<PAIR>().0;
        let right = T::registers_mut::<S>(self.right).as_chunks_mut::<PAIR>().0;
        let outs = left.iter_mut().zip(right).skip(self.u).step_by(self.m);
        for ((left, right), (r, c)) in outs.zip(rs.iter().zip(cs)) {
            *left = *c;
            *right = *r;
        }
    }
}

/// Forms and solves the systems of a packed tile (in `scratch`) of `count` instances and writes the
/// solutions to the columns of `rows` from `offset` on. The output is the first that failed, and the sums
/// over the tile if the problem asks for them.
pub struct SolveTile<'a, 'b, T> {
    pub(crate) problem: &'a Problem<'a, T>,
    pub(crate) scratch: &'a mut Scratch<T>,
    pub(crate) rows: &'a mut [&'b mut [T]],
    pub(crate) offset: usize,
    pub(crate) count: usize,
}

impl<T: Scalar> WithSimd for SolveTile<'_, '_, T> {
    type Output = (Option<usize>, InstanceSums);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (Option<usize>, InstanceSums) {
        match &self.problem.form {
            Form::Primal(z) => self.primal(simd, Some(z)),
            Form::PrimalOnTheFly => self.primal(simd, None),
            Form::Dual(gram) => self.dual(simd, gram),
        }
    }
}

impl<T: Scalar> SolveTile<'_, '_, T> {
    /// d x d systems: accumulate, solve, write out, a group of micro-tiles at a time.
    #[inline(always)]
    fn primal<S: Simd>(self, simd: S, z: Option<&Panels<T>>) -> (Option<usize>, InstanceSums) {
        let Problem { x, m, d, .. } = *self.problem;
        let (width, micro) = (T::width::<S>(), PAIR * T::width::<S>());
        let entries = triangle(d) + d;
        let tiles = self.count.div_ceil(micro);
        // Where Z is not stored, several micro-tiles share each panel that is formed.
        let (group, formed) = match z {
            Some(_) => (1, 0),
            None => {
                let fit = SYSTEM_BYTES / (entries * micro * size_of::<T>());
                (fit.clamp(1, 8), m * panel_width::<S>())
            }
        };
        let cells = &*self.scratch.left.get(tiles * micro * m);
        let ratings = &*self.scratch.right.get(tiles * micro * m);
        let weighted = self.scratch.weighted.get(group * micro * m);
        let systems = self.scratch.systems.get(group * entries * micro);
        let work = self.scratch.factor.get(factor_len(d) * width);
        let formed = self.scratch.panel.get(formed);
        let mut sums = Sums::new::<S>(self.problem, &mut self.scratch.columns, &mut self.scratch.predicted);
        let mut out = Output::new(&mut self.scratch.solved, self.problem.d, tiles * micro, width);
        for first in (0..tiles).step_by(group) {
            // c r of the group, which the right-hand sides are sums of.
            let members = first..tiles.min(first + group);
            let used = micro * m * first..micro * m * members.end;
            let factors =
                T::registers::<S>(&cells[used.clone()]).iter().zip(T::registers::<S>(&ratings[used]));
            for (out, (&c, &r)) in T::registers_mut::<S>(weighted).iter_mut().zip(factors) {
                *out = T::times(simd, c, r);
            }
            // A_i = sum_u c_ui vech(x_u x_u^T), the triangles of the systems.
            for (start, columns) in split(triangle(d), panel_width::<S>()) {
                let panel = match z {
                    Some(z) => z.get(start, columns),
                    None => {
                        let panel = &mut formed[..m * columns];
                        vech_panel(x, m, start, columns, panel);
                        panel
                    }
                };
                for t in members.clone() {
                    let left = &cells[t * micro * m..][..micro * m];
                    let at = pair_of(systems, t - first, entries * width, start * width);
                    lane_product(simd, left, panel, columns, at);
                }
            }
            // b_i = sum_u c_ui r_ui x_u, which stands behind the triangle.
            for (start, columns) in split(d, panel_width::<S>()) {
                let panel = self.problem.rhs.get(start, columns);
                for t in members.clone() {
                    let left = &weighted[(t - first) * micro * m..][..micro * m];
                    let start = (triangle(d) + start) * width;
                    let at = pair_of(systems, t - first, entries * width, start);
                    lane_product(simd, left, panel, columns, at);
                }
            }
            // Solved while the systems are in cache; the solution replaces b_i.
            for t in members {
                let pair = &mut systems[(t - first) * entries * micro..][..entries * micro];
                for (member, a) in pair.chunks_exact_mut(entries * width).enumerate() {
                    let system = Ridge { lambda: self.problem.lambda };
                    let good = simd.vectorize(Solve { system, n: d, a, work });
                    out.flags(t * PAIR + member, &good);
                    out.store::<S>(t * PAIR + member, &a[triangle(d) * width..]);
                }
                if let Some(sums) = &mut sums {
                    let (low, high) = pair.split_at(entries * width);
                    let solved = [low, high].map(|a| &a[triangle(d) * width..]);
                    let cells = [cells, ratings].map(|cells| &cells[t * micro * m..][..micro * m]);
                    sums.add(simd, cells, solved, self.count - t * micro);
                }
            }
        }
        let failed = out.finish(self.rows, self.offset, self.count);
        (failed, sums.map_or_else(InstanceSums::default, |sums| sums.total))
    }

    /// m x m systems: factor from the shared Gram matrix, solve, multiply by X, write out.
    #[inline(always)]
    fn dual<S: Simd>(self, simd: S, gram: &[T]) -> (Option<usize>, InstanceSums) {
        let Problem { m, d, .. } = *self.problem;
        let (width, micro) = (T::width::<S>(), PAIR * T::width::<S>());
        // m unknowns a system, packed as a triangle with the right-hand side behind it, as in `primal`.
        let entries = triangle(m) + m;
        let tiles = self.count.div_ceil(micro);
        let cells = &*self.scratch.left.get(tiles * micro * m);
        let ratings = &*self.scratch.right.get(tiles * micro * m);
        let unknowns = self.scratch.weighted.get(micro * m);
        let a = self.scratch.systems.get(entries * width);
        let work = self.scratch.factor.get(factor_len(m) * width);
        let results = self.scratch.lanes.get(micro * d);
        let mut sums = Sums::new::<S>(self.problem, &mut self.scratch.columns, &mut self.scratch.predicted);
        let mut out = Output::new(&mut self.scratch.solved, self.problem.d, tiles * micro, width);
        for t in 0..tiles {
            let weights = &cells[t * micro * m..][..micro * m];
            let ratings = &ratings[t * micro * m..][..micro * m];
            // (X^T X + lambda C^-1) t = r. The factorization takes its entries from the shared matrix, so
            // only r is written.
            for member in 0..PAIR {
                let system = Dual { shared: gram, weights, member, lambda: self.problem.lambda };
                let rhs = &mut T::registers_mut::<S>(a)[triangle(m)..];
                for (rhs, r) in rhs.iter_mut().zip(T::registers::<S>(ratings).as_chunks::<PAIR>().0) {
                    *rhs = r[member];
                }
                let good = simd.vectorize(Solve { system, n: m, a, work });
                out.flags(t * PAIR + member, &good);
                let solved = &T::registers::<S>(a)[triangle(m)..];
                let pairs = T::registers_mut::<S>(unknowns).as_chunks_mut::<PAIR>().0;
                for (pair, solved) in pairs.iter_mut().zip(solved) {
                    pair[member] = *solved;
                }
            }
            // y = X t.
            for (start, columns) in split(d, panel_width::<S>()) {
                let at = pair_of(results, 0, d * width, start * width);
                let panel = self.problem.rhs.get(start, columns);
                lane_product(simd, unknowns, panel, columns, at);
            }
            for (member, y) in results.chunks_exact(d * width).enumerate() {
                out.store::<S>(t * PAIR + member, y);
            }
            if let Some(sums) = &mut sums {
                let (low, high) = results.split_at(d * width);
                sums.add(simd, [weights, ratings], [low, high], self.count - t * micro);
            }
        }
        let failed = out.finish(self.rows, self.offset, self.count);
        (failed, sums.map_or_else(InstanceSums::default, |sums| sums.total))
    }
}

/// Sums over the micro-tiles of a tile, taken as soon as one is solved.
struct Sums<'a, T> {
    problem: &'a Problem<'a, T>,
    panels: &'a Panels<T>,
    columns: &'a mut [T],
    predicted: &'a mut [T],
    total: InstanceSums,
}

impl<'a, T: Scalar> Sums<'a, T> {
    /// `None` if the problem does not ask for them.
    #[inline(always)]
    fn new<S: Simd>(
        problem: &'a Problem<'a, T>,
        columns: &'a mut Buffer<T>,
        predicted: &'a mut Buffer<T>,
    ) -> Option<Self> {
        let panels = problem.measured.as_ref()?;
        let micro = PAIR * T::width::<S>();
        let columns = columns.get(problem.d * micro);
        let predicted = predicted.get(panel_width::<S>() * micro);
        Some(Self { problem, panels, columns, predicted, total: InstanceSums::default() })
    }

    /// Adds a micro-tile of `count` instances (or more than it has lanes, if it is full): its confidences and
    /// ratings, and the columns of either register.
    #[inline(always)]
    fn add<S: Simd>(&mut self, simd: S, [c, r]: [&[T]; 2], solved: [&[T]; PAIR], count: usize) {
        // The two registers are interleaved again, as the products below read them.
        let width = T::width::<S>();
        let [low, high] = solved.map(T::registers::<S>);
        let columns = T::registers_mut::<S>(self.columns).as_chunks_mut::<PAIR>().0;
        for (pair, (&low, &high)) in columns.iter_mut().zip(low.iter().zip(high)) {
            *pair = [low, high];
        }
        // With lambda = 0 the unused lanes are NaN.
        for row in self.columns.chunks_exact_mut(PAIR * width) {
            row.iter_mut().skip(count).for_each(|y| *y = T::ZERO);
        }
        let zero = T::splat(simd, T::ZERO);
        let mut norm = [zero; PAIR];
        for pair in T::registers::<S>(self.columns).as_chunks::<PAIR>().0 {
            norm[0] = T::mul_add(simd, pair[0], pair[0], norm[0]);
            norm[1] = T::mul_add(simd, pair[1], pair[1], norm[1]);
        }
        let mut error = [zero; PAIR];
        let [c, r] = [c, r].map(|cells| T::registers::<S>(cells).as_chunks::<PAIR>().0);
        // The reconstruction, a panel of classifiers at a time: it is compared with r and forgotten.
        for (first, classifiers) in split(self.problem.m, panel_width::<S>()) {
            let (low, high) = self.predicted.split_at_mut(panel_width::<S>() * width);
            let panel = self.panels.get(first, classifiers);
            lane_product(simd, self.columns, panel, classifiers, [&mut *low, &mut *high]);
            let predicted = T::registers::<S>(low).iter().zip(T::registers::<S>(high)).take(classifiers);
            for ((c, r), (&low, &high)) in c[first..].iter().zip(&r[first..]).zip(predicted) {
                add_squared_error::<T, S>(simd, *c, *r, [low, high], &mut error);
            }
        }
        let sum = |pair: [T::Vector<S>; PAIR]| pair.map(|v| T::sum(simd, v).to_f64()).iter().sum::<f64>();
        self.total.squared_error += sum(error);
        self.total.squared_norm += sum(norm);
    }
}

/// The two registers' outputs of micro-tile `t` from element `start` of each on; a register's outputs take
/// `len` elements.
#[inline(always)]
fn pair_of<T>(outputs: &mut [T], t: usize, len: usize, start: usize) -> [&mut [T]; PAIR] {
    let (low, high) = outputs[t * PAIR * len..][..PAIR * len].split_at_mut(len);
    [&mut low[start..], &mut high[start..]]
}

/// The solutions of a tile, row by row, until it is done: written to the rows of Y a register at a time,
/// every one would wait for a cache line of its own. Registers are counted through the tile.
struct Output<'a, T> {
    solved: &'a mut [T],
    /// Of a row of `solved`; no multiple of 4 KiB, which would put all rows into the same set of the first
    /// cache.
    stride: usize,
    width: usize,
    /// The first lane that failed.
    failed: Option<usize>,
}

impl<'a, T: Scalar> Output<'a, T> {
    #[inline(always)]
    fn new(buffer: &'a mut Buffer<T>, d: usize, lanes: usize, width: usize) -> Self {
        let stride = lanes + ALIGN / size_of::<T>();
        Self { solved: buffer.get(d * stride), stride, width, failed: None }
    }

    /// Notes which lanes failed.
    #[inline(always)]
    fn flags(&mut self, register: usize, good: &[T]) {
        let bad = first_bad(good, self.width).map(|lane| register * self.width + lane);
        self.failed = self.failed.or(bad);
    }

    /// Takes the lane-interleaved `y` (latent row k at `k * width`).
    #[inline(always)]
    fn store<S: Simd>(&mut self, register: usize, y: &[T]) {
        let rows = self.solved.chunks_exact_mut(self.stride);
        for (row, value) in rows.zip(T::registers::<S>(y)) {
            if let Some(out) = T::registers_mut::<S>(row).get_mut(register) {
                *out = *value;
            }
        }
    }

    /// Copies `count` columns to those of Y from `offset` on. The output is the first of them that failed.
    #[inline(always)]
    fn finish(self, rows: &mut [&mut [T]], offset: usize, count: usize) -> Option<usize> {
        for (row, solved) in rows.iter_mut().zip(self.solved.chunks_exact(self.stride)) {
            row[offset..offset + count].copy_from_slice(&solved[..count]);
        }
        self.failed.filter(|&lane| lane < count)
    }
}
