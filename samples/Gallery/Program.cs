using System.CommandLine;
using System.Globalization;
using Mixup.Samples;
using Mixup.Samples.Gallery;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Pictures;
using static TorchSharp.torch;

Option<string> folder = new("--out") { Description = "Folder for the pictures.", DefaultValueFactory = _ => "results" };
Option<bool> quick = new("--quick")
{
    Description = "Shows the first draw of each method instead of the clearest of twenty."
};
var command = new RootCommand("Draws two pictures: images mixed by every method, and one pair mixed at the input and at hidden layers.")
{
    folder,
    quick,
};
command.SetAction(parsed =>
{
    var path = parsed.GetValue(folder)!;
    using var scope = NewDisposeScope();
    var draws = parsed.GetValue(quick) ? 1 : 20;
    Methods(draws).SavePng(Path.Combine(path, "methods.png"));
    Places(draws).SavePng(Path.Combine(path, "places.png"));
    Console.WriteLine($"Wrote {Path.Combine(path, "methods.png")}\nWrote {Path.Combine(path, "places.png")}");
    return 0;
});
return SampleCommand.Invoke(command, args);

// Twice the size at which a page shows them, for sharp screens.
static PictureOptions Look(string title, string note) => new() { Title = title, Note = note, TileSize = 168, TextSize = 28 };

static string Lambda(double lambda) => string.Create(CultureInfo.InvariantCulture, $"λ {lambda:0.00}");

// Rows are methods, columns are pairs.
static PictureSheet Methods(int draws)
{
    int[] samples = [0, 23, 9, 12, 21, 16, 14, 3], partners = [20, 6, 15, 18, 8, 13, 2, 7];
    var pairs = Clothes.Pairs(samples, partners);
    var sheet = new PictureSheet(Look(
        "Mixup and its family",
        "Eight pairs of images from Fashion-MNIST, mixed by each method. λ is the weight of the sample, 1 - λ that of the partner."))
        .Add("sample", pairs.narrow(0, 0, samples.Length))
        .Add("partner", pairs.narrow(0, samples.Length, samples.Length))
        .Separate();
    foreach (var exhibit in Exhibit.All)
    {
        using var step = exhibit.Mix(pairs, draws);
        var lambdas = step.Draw.Mix.Coefficients.Take(samples.Length).ToArray();
        sheet.Add($"{exhibit.Title}\n{exhibit.Source}", step.Input.narrow(0, 0, samples.Length), Array.ConvertAll(lambdas, Lambda));
    }

    return sheet;
}

// Rows are places, columns are methods: one pair, mixed at each place, and the weights of the draw at that resolution.
static PictureSheet Places(int draws)
{
    var (pair, classes) = (Clothes.Pairs([0], [20]), arange(2));
    var mixes = Exhibit.All.Select(exhibit =>
    {
        using var step = exhibit.Mix(pair, draws);
        return step.Draw.Mix;
    }).ToArray();
    using var model = new Stages();
    var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("stage1", "stage2").WithInput());
    var sheet = new PictureSheet(Look(
        "One draw, at any resolution",
        "A pair, mixed at the input or at the output of a hidden module. At every resolution the mean of the weights is λ."));
    foreach (var (i, place) in new[] { MixupPlace.Input, MixupPlace.Module("stage1"), MixupPlace.Module("stage2") }.Index())
    {
        model.call(pair);
        var plain = model.Seen[i];
        var extent = new Extent(plain.shape.AsSpan(2));
        var mixed = mixes.Select(mix =>
        {
            using var step = mixup.Begin(pair, classes, new MixupDraw(mix, place));
            model.call(step.Input);
            return model.Seen[i][0].clone();
        });
        Tensor[] weights = [.. mixes.Select(mix => WeightsAt(mix.Fields[0], extent))];
        sheet
            .Separate()
            .Add(
                $"{place.ModuleName ?? "input"}\n{string.Join(" × ", extent)}",
                stack([plain[0], plain[1], .. mixed]),
                i == 0 ? ["sample", "partner", .. Exhibit.All.Select(exhibit => exhibit.Title)] : null)
            .Add(
                "weights",
                Clothes.OfWeights(stack([ones_like(weights[0]), zeros_like(weights[0]), .. weights])),
                [Lambda(1), Lambda(0), .. weights.Select(field => Lambda(field.mean().item<double>()))]);
    }

    return sheet;
}

static Tensor WeightsAt(Field field, Extent extent) =>
    field is NumberField ? full(extent.ToArray(), field.Lambda, ScalarType.Float64) : field.WeightsAt(extent);
