namespace Mixup.Samples.Tests;

/// <summary>The repository that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Gets its root folder.</summary>
    public static string Root
    {
        get
        {
            var at = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(at.FullName, "Mixup.sln")))
            {
                at = at.Parent ?? throw new InvalidOperationException("No folder above has Mixup.sln.");
            }

            return at.FullName;
        }
    }
}
