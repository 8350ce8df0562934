using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes at a place that is drawn anew for every batch: the input, or the output of a module inside the model (Verma et al. 2019, "Manifold
/// Mixup: Better Representations by Interpolating Hidden States"). One pass, with the same coefficients and pairing for activations and
/// targets.
/// </summary>
/// <remarks>
/// Unless <see cref="ManifoldPlaces"/> says which, modules become eligible by the first of these rules that finds any: those marked by a
/// <see cref="MixupPoint"/>; the decoder blocks of a U-Net; modules whose type name says block or bottleneck; all that can be mixed.
/// Containers, dropout, normalisation, recurrent modules, flatten, identity and the last linear layer are left out unless you ask for them.
/// If the model returns several results, so are the linear layers directly below it, since each mixes one result only. In the first pass
/// that is mixed at a module, autograd tells which results do not come from there: a mixed loss of these is an error. A U-Net with two
/// outputs a pair is mixed at the input alone. <see cref="Explain"/> tells what was chosen, and why.
/// <para>
/// A module must be run by <c>call()</c>: a pass in which it does not run is an error. Every pass of the model within a step is mixed
/// alike. Steps whose models share a module cannot overlap.
/// </para>
/// <para>
/// Open a dispose scope for each batch, as by <c>NewDisposeScope</c>. Without one, what the module returned before it was mixed stays in
/// memory until the garbage collector runs: the library cannot know whether the model still uses it.
/// </para>
/// </remarks>
public sealed class ManifoldMixup : MixupStrategy
{
    private readonly ManifoldPlaces choice;
    private readonly PlaceFinder finder;
    private readonly WatchedModel watched;
    private readonly List<(MixupPlace Place, double Weight)> weighted;
    private readonly HashSet<string> warned = [];

    /// <summary>Initializes manifold mixup by interpolation, at the places that <see cref="ManifoldPlaces.Found"/> gives.</summary>
    /// <param name="model">The model. Not disposed with this.</param>
    /// <param name="alpha">Concentration of the Beta(alpha, alpha) distribution of lambda, 0 (no mixing) or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    /// <exception cref="ArgumentException">No module of the model can be mixed; the error says why.</exception>
    public ManifoldMixup(nn.Module model, double alpha)
        : this(model, new MixupOptions { Method = new Interpolation(Check.Alpha(alpha)) })
    {
    }

    /// <summary>Initializes manifold mixup.</summary>
    /// <param name="model">The model. Not disposed with this.</param>
    /// <param name="options">How batches are mixed. Default: interpolation with alpha 0.4, folded.</param>
    /// <param name="places">Where they may be mixed. Default: <see cref="ManifoldPlaces.Found"/>.</param>
    /// <exception cref="ArgumentException">
    /// Two options contradict each other, or a place is not there or cannot be mixed, or no module of the model can be; the error lists
    /// them.
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

    /// <summary>Gets the eligible places: <see cref="MixupPlace.Input"/> if it is one, then modules in the order of registration.</summary>
    public IReadOnlyList<MixupPlace> Places => [.. weighted.Select(pair => pair.Place)];

    /// <summary>
    /// Gets whether a batch that is mixed at the input is written over instead of kept. Default false. The conditions are those of
    /// <see cref="InputMixup.OverwriteInput"/>.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The input is none of the places, there is more than one row for each sample, or bytes become floating values.
    /// </exception>
    public bool OverwriteInput
    {
        get;
        init
        {
            if (value && !Places.Contains(MixupPlace.Input))
            {
                throw new ArgumentException(
                    "The input is none of the places, so no batch would be overwritten. " +
                    "Add it by ManifoldPlaces.WithInput(), or leave OverwriteInput off.",
                    nameof(value));
            }

            field = CheckOverwrites(value);
        }
    }

    /// <summary>Explains which modules are eligible, by which rule, and why the others are not.</summary>
    /// <returns>A line for each module of the model.</returns>
    public string Explain() => finder.Explanation;

    private protected override MixupPlace DrawPlace(IReadOnlyList<Tensor> inputs, Method method, Random random)
    {
        // Token ids cannot be blended: for them the input is no place, unless the method only copies.
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
