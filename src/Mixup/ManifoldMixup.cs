using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes each batch at a place that is drawn at random: the input, or the output of a module inside the model (Verma et al. 2019, "Manifold
/// Mixup: Better Representations by Interpolating Hidden States"). One forward pass is enough. Activations and targets are mixed with the
/// same coefficients and pairing.
/// </summary>
/// <remarks>
/// By default, the first of these rules that finds any module selects the eligible modules: the modules marked by a <see
/// cref="MixupPoint"/>; the decoder blocks of a U-Net; modules whose type name says block or bottleneck; all modules that can be mixed. The
/// rules leave out containers, dropout, normalisation, recurrent modules, flatten, identity and the last linear layer. If the model returns
/// several results, they also leave out linear layers directly below it, since each of these mixes one result only. With two rows for each
/// sample, a U-Net is mixed at the input alone. <see cref="ManifoldPlaces"/> selects other modules. <see cref="Explain"/> lists every
/// module with the reason.
/// <para>
/// Modules must be run by <c>call()</c>, since <c>forward()</c> bypasses hooks. The first forward pass must run every module that may be
/// drawn; otherwise an error lists the modules that ran and those that did not. Later, a pass that does not run the drawn module is an
/// error. All passes of the model within a step are mixed alike. Steps of models that share a module cannot overlap.
/// </para>
/// <para>
/// The first dimension of an output must be the batch. See <see cref="ManifoldPlaces.WithBatchDimension"/> for outputs [T, B, F]. If a
/// module returns a tuple, its first item is mixed: of an LSTM the sequence, not the last state. If the module returns a tuple or the
/// model several results, the first pass that is mixed at the module finds by autograd which results do not depend on the mixed
/// tensor. A mixed loss of these results is an error.
/// </para>
/// <para>
/// Open a dispose scope for each batch, as by <c>NewDisposeScope</c>. Without one, the original output of the module stays in memory until
/// the garbage collector runs, since the library cannot know whether the model still uses it.
/// </para>
/// </remarks>
public sealed class ManifoldMixup : MixupStrategy
{
    private readonly ManifoldPlaces choice;
    private readonly PlaceFinder finder;
    private readonly WatchedModel watched;
    private readonly List<(MixupPlace Place, double Weight)> weighted;
    private readonly HashSet<string> warned = [];

    /// <summary>Initializes manifold mixup by interpolation, at the places of <see cref="ManifoldPlaces.Found"/>.</summary>
    /// <param name="model">The model. It is not disposed with the strategy.</param>
    /// <param name="alpha">Concentration of the Beta(alpha, alpha) distribution of lambda, 0 (no mixing) or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    /// <exception cref="ArgumentException">No module of the model can be mixed; the error says why.</exception>
    public ManifoldMixup(nn.Module model, double alpha)
        : this(model, new MixupOptions { Method = new Interpolation(Check.Alpha(alpha)) })
    {
    }

    /// <summary>Initializes manifold mixup.</summary>
    /// <param name="model">The model. It is not disposed with the strategy.</param>
    /// <param name="options">The options of mixing. Default: interpolation with alpha 0.4, folded.</param>
    /// <param name="places">The places where batches may be mixed. Default: <see cref="ManifoldPlaces.Found"/>.</param>
    /// <exception cref="ArgumentException">
    /// Two options contradict each other. Or a name matches no module, a module cannot be mixed, or no module of the model can; the error
    /// lists the modules.
    /// </exception>
    public ManifoldMixup(nn.Module model, MixupOptions? options = null, ManifoldPlaces? places = null)
        : base(options ??= new MixupOptions())
    {
        ArgumentNullException.ThrowIfNull(model);
        choice = places ?? ManifoldPlaces.Found;
        finder = new PlaceFinder(model, choice, options.Outputs.RowsPerSample > 1);
        weighted = [.. finder.Eligible.Select(eligible => (MixupPlace.Module(eligible.Name), Weight(eligible.Name)))];
        if (choice.InputWeight is { } weight)
        {
            weighted.Insert(0, (MixupPlace.Input, weight));
        }

        if (weighted.All(pair => pair.Weight == 0))
        {
            throw new ArgumentException("Every place has weight 0; expected one above 0. Give one of them more.", nameof(places));
        }

        string[] drawn = [.. weighted.Where(pair => pair.Weight > 0).Select(pair => pair.Place.ModuleName).OfType<string>()];
        var called = new CalledModules(model.GetType().Name, finder.Named, drawn);
        watched = new WatchedModel(model, finder.Modules, finder.GivesSeveral, called);
        foreach (var warning in finder.Warnings)
        {
            options.Warn(warning);
        }
    }

    /// <summary>
    /// Gets the places: <see cref="MixupPlace.Input"/> if it is one, then the eligible modules in the order of registration.
    /// </summary>
    public IReadOnlyList<MixupPlace> Places => [.. weighted.Select(pair => pair.Place)];

    /// <summary>
    /// Gets whether a batch that is mixed at the input is overwritten. Default false. The conditions are those of
    /// <see cref="InputMixup.OverwriteInput"/>.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The input is not one of the places, there is more than one row for each sample, or bytes become floating values.
    /// </exception>
    public bool OverwriteInput
    {
        get;
        init
        {
            if (value && !Places.Contains(MixupPlace.Input))
            {
                throw new ArgumentException(
                    "The input is not one of the places, so no batch would be overwritten. " +
                    "Add it by ManifoldPlaces.WithInput(), or leave OverwriteInput off.",
                    nameof(value));
            }

            field = CheckOverwrites(value);
        }
    }

    /// <summary>Explains which modules are eligible by which rule, and why the others are not.</summary>
    /// <returns>One line with the rule, then one for the input and for each module of the model.</returns>
    public string Explain() => finder.Explanation;

    private protected override MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Method method, Random random)
    {
        // Token ids cannot be blended, so they are not mixed at the input, unless the method only copies.
        var canMixInput = method.Copies || inputs.All(input => Check.IsBlendable(input.dtype));
        var candidates = weighted.Where(pair => canMixInput || pair.Place != MixupPlace.Input).ToArray();
        var last = Array.FindLastIndex(candidates, pair => pair.Weight > 0);
        if (last < 0)
        {
            throw new ArgumentException(
                "The inputs are integers, such as token ids, which cannot be mixed, and no module is eligible. " +
                "Give a module such as the embedding a weight above 0.",
                nameof(inputs));
        }

        var point = random.NextDouble() * candidates.Sum(pair => pair.Weight);
        foreach (var (place, weight) in candidates)
        {
            point -= weight;
            if (point < 0)
            {
                return place;
            }
        }

        return candidates[last].Place;
    }

    private protected override MixupStep Open(StepRequest request)
    {
        var place = finder.Eligible.FirstOrDefault(eligible => eligible.Name == request.Draw.Place.ModuleName);
        if (place is null && request.Draw.Place != MixupPlace.Input)
        {
            throw WrongPlace(request.Draw, string.Join(", ", Places));
        }

        var hooks = ModelMix.Hook(watched, place, request.Draw.Mix, request.State, new WeakReference<object>(request.Token), WarnOnce);
        try
        {
            return place is null ? OpenAtInput(request, OverwriteInput, hooks) : OpenElsewhere(request, hooks);
        }
        catch
        {
            hooks.Dispose();
            throw;
        }
    }

    private double Weight(string name) => choice.ModuleWeights
        .Where(weight => weight.Pattern.Matches(name))
        .Select(weight => (double?)weight.Weight)
        .FirstOrDefault() ?? 1;

    private void WarnOnce(string warning)
    {
        if (warned.Add(warning))
        {
            Options.Warn(warning);
        }
    }
}
