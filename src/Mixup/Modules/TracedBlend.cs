using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The mixed output of a module in one pass. It is kept until autograd has told which results of the model depend on it.</summary>
internal sealed class TracedBlend : IDisposable
{
    private Tensor? mixed;

    /// <summary>Whether a blend is kept.</summary>
    public bool IsKept => mixed is not null;

    /// <summary>Keeps a blend.</summary>
    /// <returns>A copy for the model, which may dispose or overwrite it.</returns>
    public Tensor Keep(Tensor blended)
    {
        mixed = blended.DetachFromDisposeScope();
        return (mixed.requires_grad ? mixed : mixed.requires_grad_()).clone(); // also if all modules before it are frozen
    }

    /// <summary>Finds by autograd the results that do not depend on the blend.</summary>
    /// <param name="results">The results of the model.</param>
    /// <param name="rows">The number of rows of a mixed prediction. A result with another number cannot be given to a mixed loss.</param>
    /// <returns>The numbers of these results.</returns>
    public HashSet<int> FindUnmixed(Tensor[] results, int rows)
    {
        using var scope = NewDisposeScope();
        bool IsUnmixed(Tensor result) => result.requires_grad
            && result.dim() > 0 && result.size(0) == rows
            && autograd.grad([result.sum()], [mixed!], retain_graph: true, allow_unused: true)[0] is not { IsInvalid: false };
        return [.. Enumerable.Range(0, results.Length).Where(i => IsUnmixed(results[i]))];
    }

    public void Dispose()
    {
        mixed?.Dispose();
        mixed = null;
    }
}
