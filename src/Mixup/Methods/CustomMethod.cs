namespace TorchSharp.Mixup;

/// <summary>
/// A method of your own, given as a function. It suits short methods, and languages such as F# that cannot derive a record from
/// <see cref="Method"/>.
/// </summary>
public sealed record CustomMethod : Method
{
    private readonly Func<Drawing, Field> draw;

    /// <summary>Initializes a method with the function that draws its fields.</summary>
    /// <param name="name">The name of the method, which <see cref="ToString"/> returns.</param>
    /// <param name="draw">
    /// The function that draws a field from the random generator and the extent that it is given. Its result must depend on nothing else.
    /// </param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    /// <exception cref="ArgumentNullException">The name or the function is null.</exception>
    public CustomMethod(string name, Func<Drawing, Field> draw)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(draw);
        (Name, this.draw) = (name, draw);
    }

    /// <summary>Gets the name of the method.</summary>
    public string Name { get; }

    /// <summary>
    /// Gets whether all weights of all fields are 0 or 1 on the extent of the draw. Such a method supports tensors of any type, including
    /// token ids. Default false.
    /// </summary>
    public bool OnlyCopies { get; init; }

    /// <summary>
    /// Gets whether the function looks at <see cref="Drawing.Inputs"/>. If true, samples that share a coefficient share only its random
    /// numbers, and each has its own field. Default false: they share the field.
    /// </summary>
    public bool LooksAtSamples { get; init; }

    /// <inheritdoc/>
    public override bool Copies => OnlyCopies;

    /// <inheritdoc/>
    public override bool DependsOnSamples => LooksAtSamples;

    /// <inheritdoc/>
    public override Field Draw(Drawing drawing) => draw(drawing);

    /// <summary>Returns the name of the method.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;
}
