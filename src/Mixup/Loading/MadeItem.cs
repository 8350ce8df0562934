using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What a source made on another thread in one go: an item, an error or its end, and what came about with it.</summary>
/// <param name="Item">The item, if there is one.</param>
/// <param name="IsEnd">Whether the source has no more items.</param>
/// <param name="Error">What the source threw.</param>
/// <param name="Tensors">The tensors of the item that were made with it; in no scope.</param>
/// <param name="Draws">What strategies drew.</param>
internal sealed record MadeItem<T>(
    T? Item, bool IsEnd, ExceptionDispatchInfo? Error, IReadOnlyList<IDisposable> Tensors, IReadOnlyList<DrawnAhead> Draws)
{
    /// <summary>Makes all as if it had been made here and now: draws count, and tensors belong to the scope of this thread.</summary>
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

    /// <summary>Makes all as if it had never been made.</summary>
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
