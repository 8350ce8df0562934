using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>What a module returned in a pass, mixed, kept until it is known which results of the model come from it.</summary>
internal sealed class TracedBlend : IDisposable
{
    private Tensor? mixed;

    /// <summary>Whether something is kept.</summary>
    public bool IsKept => mixed is not null;

    /// <summary>Keeps a blend.</summary>
    /// <returns>A copy for the model, which may dispose or overwrite what it is given.</returns>
    public Tensor Keep(Tensor blended)
    {
        mixed = blended.DetachFromDisposeScope();
        return (mixed.requires_grad ? mixed : mixed.requires_grad_()).clone(); // what comes from frozen modules is followed as well
    }

    /// <summary>Asks autograd which results do not come from the blend.</summary>
    /// <param name="results">The results of the model.</param>
    /// <param name="rows">The rows of a mixed prediction: only a result with as many can be given to a mixed loss.</param>
    /// <returns>The numbers of those that do not.</returns>
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
