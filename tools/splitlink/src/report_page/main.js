// Begins.

function showArtifact() {
  at("name").textContent = data.crate_name;
  at("subtitle").textContent = [artifact.crate_type, artifact.file_name, size(artifact.bytes), data.label].filter(Boolean).join(" · ");
  showContents();
  showWhy();
  showHow();
}

/** Whether the page is dark now. */
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function recoloured() {
  at("theme").textContent = isDark() ? "Light" : "Dark";
  at("theme").setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
  treemap.colours = colours();
  if (treemap.view) treemap.draw(view.place, view);
}

const began = performance.now();
if (data.artifacts.length > 1) {
  at("artifact-choice").hidden = false;
  at("artifact").append(...data.artifacts.map((one, number) => make("option", { value: number }, `${one.crate_type} (${one.file_name})`)));
  at("artifact").addEventListener("change", (event) => {
    artifact = data.artifacts[Number(event.target.value)];
    showArtifact();
  });
}
at("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  recoloured();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recoloured);
prepareContents();
recoloured();
showArtifact();
document.body.dataset.readyMs = (performance.now() - began).toFixed(1);
