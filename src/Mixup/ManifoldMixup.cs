using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Mixes at a place that is drawn anew for every batch: the input, or the output of a module inside the model (Verma et al. 2019, "Manifold Mixup: Better
/// Representations by Interpolating Hidden States"). One pass, with the same coefficients and pairing for activations and targets.
/// </summary>
/// <remarks>
/// Unless <see cref="ManifoldPlaces"/> says which, the eligible modules are those marked by a <see cref="MixupPoint"/>; else, in a U-Net, its decoder blocks; else modules whose type name
/// says block or bottleneck; else all that can be mixed. Containers, dropout, normalisation, recurrent modules, flatten, identity and the last linear layer are left out unless they are
/// asked for. <see cref="Explain"/> tells what was chosen, and why.
/// A module must be run by <c>call()</c>: if it was not, taking the loss is an error. Steps of one model cannot overlap.
/// </remarks>
public sealed class ManifoldMixup : MixupStrategy
{
    private static readonly ConditionalWeakTable<nn.Module, object> OpenSteps = [];
    private readonly nn.Module model;
    private readonly ManifoldPlaces choice;
    private readonly PlaceFinder finder;
    private readonly HashSet<string> warned = [];

    /// <summary>Manifold mixup with the default options.</summary>
    /// <param name="model">The model. Not disposed with this.</param>
    /// <param name="alpha">Concentration of the Beta distribution, 0 (no mixing) or more. Default 0.4.</param>
    /// <param name="places">Where batches may be mixed. Default: the input, and modules that are found.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is negative, infinite or not a number.</exception>
    /// <exception cref="ArgumentException">A place is not there or cannot be mixed, or no module of the model can be; the error lists them.</exception>
    public ManifoldMixup(nn.Module model, double alpha = 0.4, ManifoldPlaces? places = null)
        : this(model, new MixupOptions { Alpha = alpha }, places)
    {
    }

    /// <summary>Manifold mixup with given options.</summary>
    /// <param name="model">The model. Not disposed with this.</param>
    /// <param name="options">How batches are mixed.</param>
    /// <param name="places">Where they may be mixed. Default: the input, and modules that are found.</param>
    /// <exception cref="ArgumentException">Two options contradict each other, a place is not there or cannot be mixed, or there is none.</exception>
    public ManifoldMixup(nn.Module model, MixupOptions options, ManifoldPlaces? places = null)
        : base(options)
    {
        ArgumentNullException.ThrowIfNull(model);
        this.model = model;
        choice = places ?? new ManifoldPlaces();
        finder = new PlaceFinder(model, choice);
        Places = [.. choice.Input ? [MixupDraw.Input] : Array.Empty<string>(), .. finder.Eligible.Select(eligible => eligible.Name)];
        CheckWeights();
        choice.Log(Explain());
        foreach (var warning in finder.Warnings)
        {
            choice.Log("warning: " + warning);
        }
    }

    /// <summary>The eligible places: <see cref="MixupDraw.Input"/> unless it is switched off, and the names of modules.</summary>
    public IReadOnlyList<string> Places { get; }

    /// <summary>Which modules are eligible, by which rule, and why the others are not.</summary>
    /// <returns>A line for each module of the model.</returns>
    public string Explain() => finder.Explanation;

    private protected override string DrawPlace(IReadOnlyList<Tensor> inputs, Random random)
    {
        // Token ids cannot be mixed: for them the input is no place.
        var places = inputs.All(input => Check.IsMixable(input.dtype)) ? Places : [.. Places.Where(place => place != MixupDraw.Input)];
        var weights = places.Select(Weight).ToArray();
        var last = Array.FindLastIndex(weights, weight => weight > 0);
        if (last < 0)
        {
            throw new ArgumentException("the inputs are integers, such as token ids, which cannot be mixed, and no module is eligible; give a module such as the embedding a weight above 0.", nameof(inputs));
        }

        var point = random.NextDouble() * weights.Sum();
        foreach (var (place, weight) in places.Zip(weights))
        {
            point -= weight;
            if (point < 0)
            {
                return place;
            }
        }

        return places[last];
    }

    private protected override MixupStep Open(IReadOnlyList<Tensor> inputs, Tensor target, MixupDraw draw)
    {
        if (OpenSteps.TryGetValue(model, out _))
        {
            throw new InvalidOperationException($"a step of {model.GetType().Name} is open: steps of one model cannot overlap. Dispose it before the next one begins, as 'using var step' inside the loop does.");
        }

        var module = finder.Eligible.FirstOrDefault(eligible => eligible.Name == draw.Place)?.Module;
        if (module is null && draw.Place != MixupDraw.Input)
        {
            throw WrongPlace(draw, string.Join(", ", Places.Select(name => $"'{name}'")));
        }

        if (module is not null)
        {
            return new MixupStep(inputs, target, draw, Options.TargetMixing, ownsInputs: false, new StepOf(model, new ModulePlace(draw.Place, module, draw.Mix, WarnOnce)));
        }

        var step = new StepOf(model, null);
        try
        {
            return OpenAtInput(inputs, target, draw, step);
        }
        catch
        {
            step.Dispose();
            throw;
        }
    }

    private double Weight(string place) => choice.Weights?.Where(weight => PlaceFinder.Matches(weight.Key, place)).Select(weight => (double?)weight.Value).FirstOrDefault() ?? 1;

    private void CheckWeights()
    {
        foreach (var (pattern, weight) in choice.Weights ?? new Dictionary<string, double>())
        {
            if (!double.IsFinite(weight) || weight < 0)
            {
                throw new ArgumentException($"the weight of '{pattern}' is {weight}; give a finite number, 0 or more.", nameof(ManifoldPlaces.Weights));
            }

            if (!Places.Any(place => PlaceFinder.Matches(pattern, place)))
            {
                throw new ArgumentException($"no place is called '{pattern}'; the places are {string.Join(", ", Places.Select(name => $"'{name}'"))}.", nameof(ManifoldPlaces.Weights));
            }
        }

        if (finder.Eligible.All(eligible => Weight(eligible.Name) == 0) && (!choice.Input || Weight(MixupDraw.Input) == 0))
        {
            throw new ArgumentException("every place has weight 0; give one of them more.", nameof(ManifoldPlaces.Weights));
        }
    }

    private void WarnOnce(string warning)
    {
        if (warned.Add(warning))
        {
            choice.Log("warning: " + warning);
        }
    }

    /// <summary>Keeps the model to itself while the step is open.</summary>
    private sealed class StepOf : Place
    {
        private readonly nn.Module model;
        private readonly ModulePlace? inner;

        public StepOf(nn.Module model, ModulePlace? inner)
        {
            (this.model, this.inner) = (model, inner);
            OpenSteps.Add(model, this);
        }

        public override Tensor Arrive(Tensor prediction) => inner?.Arrive(prediction) ?? prediction;

        public override void Dispose()
        {
            inner?.Dispose();
            OpenSteps.Remove(model);
        }
    }
}
