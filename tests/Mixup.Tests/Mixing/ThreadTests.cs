namespace TorchSharp.Mixup.Tests;

/// <summary>The kernel shares out its work among libtorch's threads.</summary>
public sealed class ThreadTests
{
    [Fact]
    public void MoreThreadsThanProcessorsStayTheSameThreads()
    {
        if (!OperatingSystem.IsLinux() || Some.Device.type != DeviceType.CPU)
        {
            return;
        }

        // OpenMP ends threads and starts others when a team of another size is asked for. On Linux they bear the name of the thread that
        // started them.
        const string name = "mixup-team";
        string[] Team() =>
        [
            .. Directory.GetDirectories("/proc/self/task").Where(
                task => File.Exists(task + "/comm") && File.ReadAllText(task + "/comm").Trim() == name)
                .Select(task => Path.GetFileName(task)).Order(StringComparer.Ordinal),
        ];
        HashSet<string> seen = [];
        string[] team = [];
        var thread = new Thread(() =>
        {
            using var scope = NewDisposeScope();
            var before = get_num_threads();
            set_num_threads(2 * Environment.ProcessorCount);
            var mix = Some.Mix();
            var x = rand(5, 500_000);
            for (var i = 0; i < 20; i++)
            {
                x.neg_();
                mix.Blend(x).Dispose();
                seen.UnionWith(team = Team());
            }

            set_num_threads(before);
        })
        { Name = name };
        thread.Start();
        thread.Join();
        Assert.InRange(team.Length, 2 * Environment.ProcessorCount, int.MaxValue);
        Assert.Equal(seen.Order(StringComparer.Ordinal), team); // nobody left
    }
}
