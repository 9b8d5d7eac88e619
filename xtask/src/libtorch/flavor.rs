//! Builds of libtorch.

/// Which build of libtorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    Cpu,
    Cuda,
}

impl Flavor {
    pub(crate) const ALL: [Flavor; 2] = [Flavor::Cpu, Flavor::Cuda];

    pub(super) fn title(self) -> &'static str {
        match self {
            Flavor::Cpu => "CPU",
            Flavor::Cuda => "CUDA 13.0",
        }
    }
}
