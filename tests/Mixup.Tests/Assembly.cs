using Xunit.Sdk;
using Xunit.v3;

// torch's global generator and its thread pool are shared by the whole process.
[assembly: Parallelization(Mode = ParallelMode.None)]
