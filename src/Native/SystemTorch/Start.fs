/// Native.targets compiles this file into F# programs that are built with TorchBackend=system.
/// It comes first: an F# program runs the top level of its files in their order, before the entry point.
module internal Mixup.Native.Start

do SystemTorch.Use()
