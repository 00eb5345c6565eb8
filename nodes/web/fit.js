// Graphs and API files of before a picture's `fit` could be chosen keep what they did; the default is for new nodes.
import { app } from "../../scripts/app.js"

const NAME = "fit", BEFORE = "crop"
const types = new Set()

function isSaved(node, saved) {
  if (NAME in (saved.widgets_values_named ?? {})) return true
  const saving = node.widgets.filter(widget => widget.serialize !== false)
  return saving.findIndex(widget => widget.name === NAME) < (saved.widgets_values?.length ?? 0)
}

function asBefore(prompt) {
  const entries = Object.entries(prompt).map(([id, node]) =>
    [id, types.has(node.class_type) ? { ...node, inputs: { [NAME]: BEFORE, ...node.inputs } } : node])
  return Object.fromEntries(entries)
}

app.registerExtension({
  name: "SkyReelsAudio.Fit",

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith("SkyReelsAudio") || !nodeData.input?.optional?.[NAME]) return
    types.add(nodeData.name)
    const onConfigure = nodeType.prototype.onConfigure
    nodeType.prototype.onConfigure = function (saved) {
      onConfigure?.apply(this, arguments)
      const widget = this.widgets?.find(widget => widget.name === NAME)
      if (widget && !isSaved(this, saved)) widget.value = BEFORE
    }
  },

  setup() {
    const loadApiJson = app.loadApiJson
    app.loadApiJson = function (prompt, ...rest) {
      return loadApiJson.call(this, asBefore(prompt), ...rest)
    }
  },
})
