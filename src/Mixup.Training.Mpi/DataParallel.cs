namespace TorchSharp.Mixup.Training.Mpi;

/// <summary>
/// Trains in several processes that <c>mpirun</c> started, as one process would with the same batches. See <see
/// cref="DataParallelCallback"/> for what it does.
/// </summary>
/// <example>
/// <c>new Learner(model, loss, optimizer, callbacks: [new DataParallel(), new MixupCallback(mixup)])</c>, started by
/// <c>mpirun -np 4 dotnet run</c>.
/// </example>
public sealed class DataParallel : DataParallelCallback
{
    /// <summary>Creates the callback for the processes of this run: <see cref="MpiWorld.Current"/>.</summary>
    /// <exception cref="InvalidOperationException">See <see cref="MpiWorld.Current"/>.</exception>
    public DataParallel()
        : base(MpiWorld.Current)
    {
    }
}
