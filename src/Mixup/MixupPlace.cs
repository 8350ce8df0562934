namespace TorchSharp.Mixup;

/// <summary>
/// A place where a batch can be mixed: the input of the model, the output of one of its modules, or its prediction. Places compare by
/// value.
/// </summary>
public sealed record MixupPlace
{
    private readonly string text;

    private MixupPlace(string text, string? moduleName = null) => (this.text, ModuleName) = (text, moduleName);

    /// <summary>Gets the place of input mixup: the input of the model.</summary>
    public static MixupPlace Input { get; } = new("input");

    /// <summary>Gets the place of output mixup: the prediction, just before the loss.</summary>
    public static MixupPlace Output { get; } = new("output");

    /// <summary>Gets the name of the module, as in <c>named_modules</c>; null for <see cref="Input"/> and <see cref="Output"/>.</summary>
    public string? ModuleName { get; }

    /// <summary>Returns the place of a module. A module called <c>input</c> differs from <see cref="Input"/>.</summary>
    /// <param name="name">The name of the module, as in <c>named_modules</c>.</param>
    /// <returns>The output of that module.</returns>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty.</exception>
    public static MixupPlace Module(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new MixupPlace($"module '{name}'", name);
    }

    /// <summary>Returns <c>input</c>, <c>output</c> or <c>module 'name'</c>.</summary>
    /// <returns>The place as text.</returns>
    public override string ToString() => text;
}
