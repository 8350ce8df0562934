using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp.Mixup.Training;

/// <summary>Whether an optimizer trains a model.</summary>
internal static class ModelParameters
{
    /// <summary>
    /// Refuses an optimizer that would leave the model as it is. A model without parameters is not judged: its forward may reach those
    /// of another. Nor is an optimizer that keeps its parameters in a way of its own.
    /// </summary>
    public static void CheckOptimizer(nn.Module model, Optimizer optimizer)
    {
        using var scope = NewDisposeScope();
        var own = model.parameters().ToArray();
        var groups = optimizer.ParamGroups.OfType<ParamGroup>().ToArray();
        if (own.Length == 0 || groups.Length == 0)
        {
            return;
        }

        // The group of the native optimizer wraps the same pointers anew whenever its parameters are enumerated, and frees them as often.
        var all = optimizer is LBFGS ? optimizer.parameters() : groups.SelectMany(group => group.Parameters);
        var trained = all.Where(parameter => !parameter.IsInvalid).ToArray();
        var handles = own.Select(parameter => parameter.Handle).ToHashSet();
        if (!trained.Any(parameter => handles.Contains(parameter.Handle)) && !(optimizer is LBFGS && ShareMemory(own, trained)))
        {
            throw new ArgumentException(
                "The optimizer holds none of the model's parameters, so that training would change nothing. "
                + "Build it from model.parameters(), after the last model.to(...), which may replace them.",
                nameof(optimizer));
        }

        if (!HasState(optimizer))
        {
            throw new ArgumentException(
                "The optimizer has no state for the model's parameters, because they were replaced after it had been built. "
                + "Build it from model.parameters() after the last model.to(...).",
                nameof(optimizer));
        }
    }

    // The native optimizer hands out the same parameters by other handles. Where an address cannot be told, they may be the same.
    private static bool ShareMemory(Parameter[] own, Parameter[] trained)
    {
        HashSet<nint> addresses = [.. own.Select(Address), 0];
        return trained.Select(Address).Any(addresses.Contains);
    }

    private static nint Address(Parameter parameter) => parameter.dtype switch
    {
        ScalarType.Float32 => parameter.storage<float>().data_ptr(),
        ScalarType.Float64 => parameter.storage<double>().data_ptr(),
        _ => 0,
    };

    // A group whose parameters are enumerated anew names the new ones; the state is still that of the old ones.
    private static bool HasState(Optimizer optimizer)
    {
        try
        {
            _ = OptimizerState.IsChecked(optimizer) ? ((OptimizerHelper)optimizer).state_dict() : null;
            return true;
        }
        catch (KeyNotFoundException)
        {
            return false;
        }
    }
}
