using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// The result of one MoveNext of a source on another thread: an item, an error or the end, with the tensors and draws that were made.
/// </summary>
/// <param name="Item">The item, if any.</param>
/// <param name="IsEnd">Whether the source has no more items.</param>
/// <param name="Error">The exception of the source, if any.</param>
/// <param name="Tensors">The tensors of the item that were made with it. They are in no dispose scope.</param>
/// <param name="Draws">The draws of strategies.</param>
internal sealed record MadeItem<T>(
    T? Item, bool IsEnd, ExceptionDispatchInfo? Error, IReadOnlyList<IDisposable> Tensors, IReadOnlyList<DrawnAhead> Draws)
{
    /// <summary>Hands the item to the consumer: the draws count, and the tensors move to the dispose scope of this thread.</summary>
    public void HandOver()
    {
        foreach (var drawn in Draws)
        {
            drawn.Taken();
        }

        using var scope = NewDisposeScope();
        var alive = Tensors.Where(made => made is not Tensor { IsInvalid: true }).ToArray();
        scope.Attach(alive);
        scope.MoveToOuter(alive);
    }

    /// <summary>Drops the item: the draws do not count, and the tensors are disposed.</summary>
    public void Drop(bool ownsItem, bool ownsTensors)
    {
        foreach (var drawn in Draws.Reverse())
        {
            drawn.Dropped?.Invoke();
        }

        try
        {
            foreach (var part in ownsItem ? ItemParts.Of(Item) : [])
            {
                if (part is not Tensor || ownsTensors)
                {
                    part.Dispose();
                }
            }
        }
        finally
        {
            foreach (var made in Tensors)
            {
                made.Dispose();
            }
        }
    }
}
