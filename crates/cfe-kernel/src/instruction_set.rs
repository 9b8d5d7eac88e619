//! The instruction set that the bits of a result depend on.

use core::fmt;
use pulp::{Arch, Simd, WithSimd};

/// An instruction set that the kernel's vector code is compiled for. Its registers and its fused
/// multiply-add decide about the last bits of a sum, so sums of machines with different sets must not be
/// added up where results are to be the same bits.
///
/// ```
/// let own = cfe_kernel::InstructionSet::current();
/// assert_eq!(cfe_kernel::InstructionSet::from_code(own.code()), Some(own));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// One number at a time.
    Scalar,
    /// 16-byte registers: NEON, WebAssembly.
    Bytes16,
    /// x86-64-v3: AVX2 with FMA, 32-byte registers.
    X86V3,
    /// x86-64-v4: AVX-512, 64-byte registers.
    X86V4,
}

impl InstructionSet {
    const ALL: [Self; 4] = [Self::Scalar, Self::Bytes16, Self::X86V3, Self::X86V4];

    /// The set that [`Workspace::new`](crate::Workspace::new) uses on this machine.
    #[must_use]
    pub fn current() -> Self {
        Self::of(Arch::new())
    }

    pub(crate) fn of(arch: Arch) -> Self {
        arch.dispatch(Width)
    }

    /// A number for files and messages between machines.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The set with this number, if there is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.code() == code)
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Bytes16 => "16-byte vectors",
            Self::X86V3 => "x86-64-v3",
            Self::X86V4 => "x86-64-v4",
        })
    }
}

/// Tells the sets apart by the width of a register.
struct Width;

impl WithSimd for Width {
    type Output = InstructionSet;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> InstructionSet {
        match S::F64_LANES {
            1 => InstructionSet::Scalar,
            2 => InstructionSet::Bytes16,
            4 => InstructionSet::X86V3,
            _ => InstructionSet::X86V4,
        }
    }
}
