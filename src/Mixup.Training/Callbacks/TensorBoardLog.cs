using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>Writes the figures of every epoch for TensorBoard, by TorchSharp's own writer.</summary>
public sealed class TensorBoardLog : ITrainerCallback
{
    private readonly SummaryWriter writer;

    /// <summary>Logs to a folder.</summary>
    /// <param name="folder">The run's folder; made if need be.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is empty.</exception>
    public TensorBoardLog(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        writer = utils.tensorboard.SummaryWriter(folder);
    }

    /// <summary>After those that measure: 60.</summary>
    public int Order => 60;

    /// <inheritdoc/>
    public void AfterEpoch(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        foreach (var (name, value) in state.Record?.Figures ?? new Dictionary<string, double>())
        {
            writer.add_scalar(name, (float)value, state.Epoch);
        }
    }
}
