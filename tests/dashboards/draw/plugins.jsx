// The visualisations that the libraries hold, as panel plugins: the thin part of Grafana around them.
import React from 'react';
import {
  dataLinksOverrideProcessor, displayNameOverrideProcessor, getDisplayValueAlignmentFactors, getFieldDisplayValues,
  identityOverrideProcessor, numberOverrideProcessor, PanelPlugin, thresholdsOverrideProcessor,
  unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import { BigValue, Table, TimeSeries, useTheme2 as useTheme, VizRepeater } from '@grafana/ui';

const field = (id, process, defaultValue) => ({
  id, path: id, name: id, editor: () => null, override: () => null, process, defaultValue,
  shouldApply: () => true, settings: {},
});

export const standardFields = () => [
  field('displayName', displayNameOverrideProcessor),
  field('unit', unitOverrideProcessor),
  field('min', numberOverrideProcessor),
  field('max', numberOverrideProcessor),
  field('decimals', numberOverrideProcessor),
  field('thresholds', thresholdsOverrideProcessor),
  field('mappings', valueMappingsOverrideProcessor, []),
  field('links', dataLinksOverrideProcessor, []),
  field('noValue', identityOverrideProcessor),
  field('color', identityOverrideProcessor),
];

function TimeSeriesPanel({ data, timeRange, width, height, timeZone, options }) {
  if (!data.series.length) {
    return <p>No data</p>;
  }
  return (
    <TimeSeries
      frames={data.series} structureRev={data.structureRev} timeRange={timeRange} timeZone={timeZone}
      width={width} height={height} legend={options.legend} options={options}
    />
  );
}

function StatPanel({ data, fieldConfig, options, width, height, replaceVariables, timeZone, renderCounter }) {
  const theme = useTheme();
  const values = () => getFieldDisplayValues({
    fieldConfig, reduceOptions: options.reduceOptions, replaceVariables, theme, data: data.series, timeZone,
  });
  return (
    <VizRepeater
      getValues={values} getAlignmentFactors={getDisplayValueAlignmentFactors} source={data} itemSpacing={3}
      renderCounter={renderCounter} width={width} height={height} orientation={options.orientation} autoGrid
      renderValue={(one) => (
        <BigValue
          value={one.value.display} count={one.count} width={one.width} height={one.height} theme={theme}
          colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode}
          textMode={options.textMode} alignmentFactors={one.alignmentFactors}
          parentOrientation={one.orientation} wideLayout={options.wideLayout}
        />
      )}
    />
  );
}

function TablePanel({ data, width, height, options, timeRange }) {
  const frame = data.series[options.frameIndex ?? 0];
  if (!frame) {
    return <p>No data</p>;
  }
  return (
    <Table
      data={frame} width={width} height={height} noHeader={!options.showHeader} showTypeIcons={options.showTypeIcons}
      resizable cellHeight={options.cellHeight} timeRange={timeRange}
      enablePagination={options.footer?.enablePagination} footerOptions={options.footer}
    />
  );
}

// what the plugin of each sets where a dashboard says nothing, as far as it differs from nothing
const CUSTOM = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none',
    lineStyle: { fill: 'solid' }, pointSize: 5, showPoints: 'auto', spanNulls: false, insertNulls: false,
    stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisColorMode: 'text', axisBorderShow: false,
    axisLabel: '', axisCenteredZero: false, scaleDistribution: { type: 'linear' },
    hideFrom: { tooltip: false, viz: false, legend: false }, thresholdsStyle: { mode: 'off' }, barAlignment: 0,
  },
  table: {
    width: undefined, minWidth: undefined, align: 'auto', cellOptions: { type: 'auto' }, inspect: false,
    filterable: undefined, hidden: undefined,
  },
  stat: {},
};

export const PLUGINS = { timeseries: TimeSeriesPanel, stat: StatPanel, table: TablePanel };
const made = {};

export function pluginOf(id) {
  if (!(id in made)) {
    const plugin = new PanelPlugin(PLUGINS[id]).useFieldConfig({
      useCustomConfig: (builder) => {
        for (const [name, value] of Object.entries(CUSTOM[id])) {
          builder.addCustomEditor(field(name, identityOverrideProcessor, value));
        }
      },
    });
    plugin.meta = {
      id, name: id, type: 'panel', module: '', baseUrl: '', sort: 1,
      info: { version: '11.6.14', logos: { small: '', large: '' }, author: { name: '' }, links: [] },
    };
    made[id] = plugin;
  }
  return made[id];
}
