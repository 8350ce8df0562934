using System.Globalization;
using TorchSharp;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

namespace Mixup.Samples;

/// <summary>What is told of a classifier.</summary>
public static class Classification
{
    /// <summary>The columns of its table.</summary>
    public static IReadOnlyList<Column> Columns { get; } =
    [
        new("accuracy", "test accuracy %", value => (100 * value).ToString("0.0", CultureInfo.InvariantCulture), WithSpread: true),
        new("nll", "neg. log-likelihood", value => value.ToString("0.000", CultureInfo.InvariantCulture)),
        new("ece", "calibration error", value => value.ToString("0.000", CultureInfo.InvariantCulture)),
        new("seconds", "seconds a run", value => value.ToString("0.0", CultureInfo.InvariantCulture)),
    ];

    /// <summary>The figures of a run that measured <see cref="Metric.Accuracy(long)"/>.</summary>
    /// <param name="run">The run.</param>
    /// <param name="records">Its epochs.</param>
    /// <param name="logits">[N, K]: what the trained model gives for the test set.</param>
    /// <param name="classes">[N].</param>
    public static Result ToResult(Run run, IReadOnlyList<EpochRecord> records, Tensor logits, Tensor classes)
    {
        using var loss = nn.functional.cross_entropy(logits, classes);
        return new Result(
            run,
            new Dictionary<string, double>
            {
                ["accuracy"] = records[^1]["validation_accuracy"],
                ["nll"] = loss.cpu().ToDouble(),
                ["ece"] = Calibration.ExpectedError(logits.softmax(1), classes),
                ["seconds"] = records.Sum(record => record.Duration.TotalSeconds),
            },
            [.. records.Select(record => record["validation_accuracy"])]);
    }
}
