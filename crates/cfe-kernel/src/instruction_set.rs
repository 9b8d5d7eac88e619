//! The instruction set that the bits of a result depend on.

use core::fmt;
use core::str::FromStr;
use core::sync::atomic::{AtomicU8, Ordering};
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

    /// The set that [`Workspace::new`](crate::Workspace::new) uses in this process: the best one of this
    /// machine, or the one that was [pinned](Self::pin).
    #[must_use]
    pub fn current() -> Self {
        Self::of(arch())
    }

    /// Uses this set in the whole process from here on, so that machines of different generations compute the
    /// same bits. Call it before any work: what is computed meanwhile may use either.
    ///
    /// ```
    /// use cfe_kernel::InstructionSet;
    ///
    /// InstructionSet::Scalar.pin()?;
    /// assert_eq!(InstructionSet::current(), InstructionSet::Scalar);
    /// # Ok::<(), cfe_kernel::InstructionSetError>(())
    /// ```
    ///
    /// # Errors
    /// [`InstructionSetError::Unavailable`] for a set that this machine lacks; nothing changes then.
    pub fn pin(self) -> Result<(), InstructionSetError> {
        if self.token().is_none() {
            let best = Self::of(Arch::new());
            return Err(InstructionSetError::Unavailable { wanted: self, best });
        }
        PINNED.store(self.code(), Ordering::SeqCst);
        Ok(())
    }

    /// The name that [`FromStr`] takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Bytes16 => "16-byte",
            Self::X86V3 => "x86-64-v3",
            Self::X86V4 => "x86-64-v4",
        }
    }

    /// What dispatches to this set, where the machine has it.
    fn token(self) -> Option<Arch> {
        let best = Arch::new();
        if self == Self::of(best) {
            return Some(best);
        }
        // A machine runs its best set and, on x86-64, the smaller ones that the kernel is compiled for.
        match self {
            Self::Scalar => Some(Arch::Scalar),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Self::X86V3 => pulp::x86::V3::try_new().map(Arch::V3),
            _ => None,
        }
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

/// Code of the pinned set; one that no set has where none is.
static PINNED: AtomicU8 = AtomicU8::new(u8::MAX);

/// What dispatches to the set in use: for crates with vector code of their own.
#[must_use]
pub fn arch() -> Arch {
    let pinned = InstructionSet::from_code(PINNED.load(Ordering::SeqCst));
    pinned.and_then(InstructionSet::token).unwrap_or_default()
}

/// Why an instruction set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstructionSetError {
    /// No set has this name.
    Unknown {
        /// The name.
        name: String,
    },
    /// The machine lacks the set.
    Unavailable {
        /// What was asked for.
        wanted: InstructionSet,
        /// The best one that the machine has.
        best: InstructionSet,
    },
}

impl fmt::Display for InstructionSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                let names = InstructionSet::ALL.map(InstructionSet::name).join(", ");
                write!(f, "instruction set {name:?} is not known; allowed are {names}")
            }
            Self::Unavailable { wanted, best } => write!(
                f,
                "instruction set {}: this machine does not have it, and its best is {}; pin one that all machines \
                 have, such as {} or scalar",
                wanted.name(),
                best.name(),
                best.name()
            ),
        }
    }
}

impl core::error::Error for InstructionSetError {}

impl FromStr for InstructionSet {
    type Err = InstructionSetError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|set| set.name() == name);
        found.ok_or_else(|| InstructionSetError::Unknown { name: name.to_owned() })
    }
}

/// Tells the sets apart by the width of a register.
struct Width;

impl WithSimd for Width {
    type Output = InstructionSet;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> InstructionSet {
        // No two sets have registers of one width, so the width names the set.
        match S::F64_LANES {
            1 => InstructionSet::Scalar,
            2 => InstructionSet::Bytes16,
            4 => InstructionSet::X86V3,
            _ => InstructionSet::X86V4,
        }
    }
}
