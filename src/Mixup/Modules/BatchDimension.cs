using System.Reflection;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>Finds the dimension of the batch in the output of one module. Refuses an output that may mean two things.</summary>
/// <param name="stated">The dimension that the user gave; null if none was given.</param>
/// <param name="ofModule">The dimension that the type of the module implies; null if it implies none.</param>
/// <param name="hasTimeFirst">Whether any module of the model is known to put time first.</param>
internal sealed class BatchDimension(int? stated, int? ofModule, bool hasTimeFirst)
{
    private int? seen; // in an earlier output, whose sizes left no doubt

    /// <summary>The dimension that is certain before the module runs; null if sizes decide.</summary>
    public int? Known => stated ?? ofModule;

    /// <summary>
    /// The dimension of the batch in the outputs of TorchSharp's own sequence modules: 0 with batchFirst, otherwise 1. Null for others.
    /// </summary>
    public static int? Of(nn.Module module) => module switch
    {
        TransformerEncoder or TransformerEncoderLayer or TransformerDecoder or TransformerDecoderLayer or Transformer
            or MultiheadAttention => 1,
        RNN or LSTM or GRU => IsBatchFirst(module) is { } batchFirst ? (batchFirst ? 0 : 1) : null,
        _ => null,
    };

    /// <summary>Finds the dimension of the batch.</summary>
    /// <param name="output">The output of the module.</param>
    /// <param name="batchSize">The number of samples in the batch.</param>
    /// <param name="expected">How an output looks that shows the dimension.</param>
    /// <returns>The dimension; null if none is the batch, or if it may be one of two.</returns>
    public int? Find(Tensor output, int batchSize, out string expected)
    {
        var shape = output.shape;
        bool HasBatchSize(int dimension) => dimension < shape.Length && shape[dimension] == batchSize;
        if (stated is { } given)
        {
            expected = $"whose dimension {given} is the batch ({batchSize}), as WithBatchDimension says";
            return HasBatchSize(given) ? given : null;
        }

        if (ofModule is { } implied)
        {
            expected = $"whose dimension {implied} is the batch ({batchSize}), as it is for this module";
            return shape.Length >= 3 && HasBatchSize(implied) ? implied : null; // a sequence alone is [T, F]
        }

        var (first, second) = (HasBatchSize(0), shape.Length >= 3 && HasBatchSize(1));
        expected = second && hasTimeFirst
            ? $"whose sizes show that one dimension alone is the batch ({batchSize})"
            : $"whose first dimension is the batch ({batchSize})";

        // A multiple of the batch size may hold heads or windows of each sample, and 1 may hold positions that all samples share.
        var isTimeFirst = !first && second && hasTimeFirst && shape[0] > 1 && shape[0] % batchSize != 0;
        var found = first && !(second && hasTimeFirst) ? 0 : isTimeFirst ? 1 : default(int?);

        // Lengths differ from batch to batch, so an earlier output may have shown what this one does not.
        seen ??= found;
        var isPossible = found is null ? (seen == 0 ? first : second) : found == seen;
        return isPossible ? seen : null;
    }

    // TorchSharp tells it nowhere else. Another version may not have the field: then the sizes decide.
    private static bool? IsBatchFirst(nn.Module module) =>
        module.GetType().GetField("_batch_first", BindingFlags.Instance | BindingFlags.NonPublic)?.GetValue(module) as bool?;
}
