using System.Text.Json;

namespace TorchSharp.Mixup.Training;

/// <summary>The part of a checkpoint that is not tensors.</summary>
internal sealed record Manifest(
    int CompletedEpochs, IReadOnlyList<EpochRecord> History, IReadOnlyList<double> SchedulerSteps, Dictionary<string, string> Callbacks)
{
    public static Manifest Read(byte[] json, string path)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize<Manifest>(json, StateJson.Options);
            if (manifest is { CompletedEpochs: >= 0, History: not null, SchedulerSteps: not null, Callbacks: not null }
                && manifest.History.All(IsWhole) && !manifest.Callbacks.ContainsValue(null!))
            {
                return manifest;
            }
        }
        catch (Exception e) when (e is JsonException or ArgumentException or NotSupportedException)
        {
            throw new InvalidDataException($"{path} is damaged: its manifest cannot be read ({e.Message}).", e);
        }

        throw new InvalidDataException($"{path} is damaged: its manifest is not complete.");
    }

    private static bool IsWhole(EpochRecord? record) => record is { Epoch: >= 0, TrainMetrics: not null, ValidationMetrics: not null };
}
