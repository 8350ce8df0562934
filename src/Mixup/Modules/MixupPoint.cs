using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Marks a place for manifold mixup (nestordemeure's <c>ManifoldMixupModule</c>): the output of a module, or any tensor inside
/// <c>forward</c>.
/// </summary>
/// <remarks>
/// If a model has points, these are its eligible modules and no others are searched for. The input is a place beside them, unless you call
/// <see cref="ManifoldPlaces.WithoutInput"/>. Without mixup a point changes nothing.
/// <para>
/// Parameters and buffers keep their names: around a linear layer, a point has <c>weight</c> and <c>bias</c>. So a model with points loads
/// weights that were saved without them, and the reverse. Only <c>named_modules</c> shows the module, as <c>inner</c>.
/// </para>
/// </remarks>
public sealed class MixupPoint : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor>? inner;

    /// <summary>Marks the output of a module, or without a module the tensor that the point is called with.</summary>
    /// <param name="inner">The module. It is disposed with the point. Default: none.</param>
    public MixupPoint(nn.Module<Tensor, Tensor>? inner = null)
        : base(nameof(MixupPoint))
    {
        this.inner = inner;
        if (inner is not null)
        {
            register_module(nameof(inner), inner);
        }
    }

    /// <summary>Runs the module by <c>call()</c>, or without a module returns the input.</summary>
    /// <param name="input">The input of the module.</param>
    /// <returns>The output of the module; without a module a new tensor that shares the memory of the input.</returns>
    public override Tensor forward(Tensor input) => inner?.call(input) ?? input.alias();

    /// <summary>Lists the parameters of the module under their own names.</summary>
    /// <param name="recurse">Whether parameters of modules inside are listed. Default true. A point has none itself.</param>
    /// <returns>Names and parameters.</returns>
    public override IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true) =>
        recurse && inner is not null ? inner.named_parameters() : [];

    /// <summary>Lists the buffers of the module under their own names.</summary>
    /// <param name="recurse">Whether buffers of modules inside are listed. Default true. A point has none itself.</param>
    /// <param name="include_nonpersistent">Whether buffers that are not saved are listed. Default true.</param>
    /// <returns>Names and buffers.</returns>
    public override IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true) =>
        recurse && inner is not null ? inner.named_buffers(true, include_nonpersistent) : [];

    /// <summary>Gets the parameters and persistent buffers of the module, under their own names.</summary>
    /// <param name="destination">A dictionary to add them to. Default: a new one.</param>
    /// <param name="prefix">The name of the point in the model. Default: none.</param>
    /// <returns>The dictionary.</returns>
    public override Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null) =>
        inner?.state_dict(destination, prefix) ?? destination ?? [];

    /// <summary>Gets a parameter of the module.</summary>
    /// <param name="target">The name of the parameter, as in <see cref="named_parameters"/>.</param>
    /// <returns>The parameter; null if there is none of this name.</returns>
    public override Parameter? get_parameter(string target) => inner?.get_parameter(target);

    /// <summary>Gets a buffer of the module.</summary>
    /// <param name="target">The name of the buffer, as in <see cref="named_buffers"/>.</param>
    /// <returns>The buffer; null if there is none of this name.</returns>
    public override Tensor? get_buffer(string target) => inner?.get_buffer(target);

    /// <summary>Tells whether the module has a parameter.</summary>
    /// <param name="target">The name of the parameter, as in <see cref="named_parameters"/>.</param>
    /// <returns>Whether there is one of this name.</returns>
    public override bool has_parameter(string target) => inner?.has_parameter(target) == true;

    /// <summary>Tells whether the module has a buffer.</summary>
    /// <param name="target">The name of the buffer, as in <see cref="named_buffers"/>.</param>
    /// <returns>Whether there is one of this name.</returns>
    public override bool has_buffer(string target) => inner?.has_buffer(target) == true;
}
